/** The most resident memory that a process which only trains ever has, next to PyTorch's: `VmHWM` of /proc/self/status. */
import { trainInFreshProcess } from './fresh-process.ts';
import { unetConfig } from './network.ts';
import { startPeer } from './peer.ts';
import { measureCases, rounded, type Settings } from './question.ts';
import { layTable } from './table.ts';
import { unetOptions } from './unet-peers.ts';

const [width, batch] = [64, 16];
const steps = 6;

export async function memory(settings: Settings): Promise<void> {
  const { threads, variants } = settings;
  const own = (['auto', 'standard'] as const).map((kernels) => ({
    name: kernels === 'auto' ? 'kuosan' : kernels,
    peak: async () => (await trainInFreshProcess({ kernels, threads, width, batch, steps })).peakMegabytes,
  }));
  const theirs = variants.map((variant) => ({
    name: variant as string,
    peak: async () => {
      const peer = await startPeer('unet2d.py', unetOptions(unetConfig(width, batch), threads, variant));
      if (typeof peer === 'string') return `without PyTorch's ${variant}: ${peer}`;
      const { peak_megabytes: peak } = await peer.ask({ cmd: 'train', repeat: steps });
      await peer.stop();
      return peak as number | null;
    },
  }));
  const rows = await measureCases(
    [...own, ...theirs],
    {
      nameOf: ({ name }) => name,
      measure: async ({ name, peak }) => ({ name, peak: await peak() }),
      lineOf: ({ name, peak }) => (typeof peak === 'string' ? peak : `${name}: ${inMegabytes(peak)} MB`),
    },
    settings,
  );
  const peaks = rows.flatMap(({ name, peak }) => (typeof peak === 'string' ? [] : [[name, peak] as const]));
  if (peaks.length === 0) return;
  console.log(
    `\n${layTable([['peak resident memory of training', 'MB'], ...peaks.map(([name, peak]) => [name, inMegabytes(peak)])])}`,
  );
  console.log(
    JSON.stringify({
      question: 'memory',
      case: `${width}·(1,2,2), batch ${batch}`,
      megabytes: rounded(Object.fromEntries(peaks)),
    }),
  );
}

function inMegabytes(peak: number | null): string {
  return peak === null ? 'unknown on this system' : peak.toFixed(0);
}
