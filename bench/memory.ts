/** The most resident memory that a process which only trains ever has, next to PyTorch's: `VmHWM` of /proc/self/status. */
import { trainInFreshProcess } from './fresh-process.ts';
import { unetConfig } from './network.ts';
import { startPeer } from './peer.ts';
import { progress, rounded, type Settings } from './question.ts';
import { layTable } from './table.ts';
import { unetOptions } from './unet-peers.ts';

const [width, batch] = [64, 16];
const steps = 6;

export async function memory({ threads, variants }: Settings): Promise<void> {
  const peaks: Record<string, number | null> = {};
  for (const kernels of ['auto', 'standard'] as const) {
    progress(`${kernels} kernels`);
    peaks[kernels === 'auto' ? 'kuosan' : kernels] = (
      await trainInFreshProcess({ kernels, threads, width, batch, steps })
    ).peakMegabytes;
  }
  for (const variant of variants) {
    progress(`PyTorch ${variant}`);
    const peer = await startPeer('unet2d.py', unetOptions(unetConfig(width, batch), threads, variant));
    if (typeof peer === 'string') {
      console.log(`without PyTorch's ${variant}: ${peer}`);
      continue;
    }
    peaks[variant] = (await peer.ask({ cmd: 'train', repeat: steps }))['peak_megabytes'] as number | null;
    await peer.stop();
  }
  console.log(
    `\n${layTable([['peak resident memory of training', 'MB'], ...Object.entries(peaks).map(([name, peak]) => [name, peak === null ? 'unknown on this system' : peak.toFixed(0)])])}`,
  );
  console.log(
    JSON.stringify({ question: 'memory', case: `${width}·(1,2,2), batch ${batch}`, megabytes: rounded(peaks) }),
  );
}
