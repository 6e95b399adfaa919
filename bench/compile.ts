/**
 * How long a training step takes to become executable, in a process that has just begun: the first time on a machine, and
 * again, when what can be kept from the first start is there. Besides it PyTorch's first step, in which it compiles.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trainInFreshProcess } from './fresh-process.ts';
import { unetConfig } from './network.ts';
import { startPeer } from './peer.ts';
import { measureCases, progress, rounded, type Settings } from './question.ts';
import { median } from './statistics.ts';
import { layTable } from './table.ts';
import { unetOptions } from './unet-peers.ts';

const [width, batch] = [64, 16];
/** Each start is a new process, so few are enough. */
const mostStarts = 3;

interface Start {
  readonly compileMs: number | null;
  readonly firstStepMs: number;
}

interface Measured {
  readonly name: string;
  readonly first: readonly Start[];
  readonly again: readonly Start[];
}

export async function compile(settings: Settings): Promise<void> {
  const { threads, rounds, variants } = settings;
  const starts = Math.min(rounds, mostStarts);
  const sides: Record<string, (cacheDir: string) => Promise<Start>> = {};
  for (const kernels of ['auto', 'standard'] as const)
    sides[kernels === 'auto' ? 'kuosan' : kernels] = (cacheDir) =>
      trainInFreshProcess({ kernels, threads, width, batch, steps: 1 }, { KUOSAN_CACHE: cacheDir });
  for (const variant of variants.filter((name) => name !== 'channels_last'))
    sides[`PyTorch ${variant}`] = (cacheDir) => peerStart(variant, threads, cacheDir);

  const entries = Object.entries(sides);
  const measure = async ([name, start]: (typeof entries)[number]): Promise<Measured | undefined> => {
    const first: Start[] = [];
    const again: Start[] = [];
    try {
      for (let i = 0; i < starts; i++) {
        progress(`start ${i + 1} of ${starts}`);
        const cacheDir = await mkdtemp(join(tmpdir(), 'kuosan-compile-'));
        try {
          first.push(await start(cacheDir));
          again.push(await start(cacheDir));
        } finally {
          await rm(cacheDir, { recursive: true, force: true });
        }
      }
      return { name, first, again };
    } catch (error) {
      console.log(`without ${name}: ${(error as Error).message}`);
      return undefined;
    }
  };
  const seconds = (list: readonly Start[], key: keyof Start) => {
    const values = list.map((start) => start[key]).filter((value) => value !== null);
    return values.length === 0
      ? '–'
      : `${(median(values) / 1000).toFixed(2)} (${(Math.min(...values) / 1000).toFixed(2)})`;
  };
  const rows = await measureCases(
    entries,
    {
      nameOf: ([name]) => name,
      measure,
      lineOf: (row) =>
        row === undefined
          ? ''
          : `${row.name}: executable in ${seconds(row.first, 'compileMs')} s, again ${seconds(row.again, 'compileMs')} s`,
    },
    settings,
  );
  const results = rows.filter((row) => row !== undefined);
  if (results.length === 0) return;
  console.log(
    `\n${layTable([
      ['s, median (least)', 'executable', 'again', 'first step done', 'again'],
      ...results.map(({ name, first, again }) => [
        name,
        seconds(first, 'compileMs'),
        seconds(again, 'compileMs'),
        seconds(first, 'firstStepMs'),
        seconds(again, 'firstStepMs'),
      ]),
    ])}`,
  );
  console.log(
    JSON.stringify({
      question: 'compile',
      case: `training step, ${width}·(1,2,2), batch ${batch}`,
      starts: rounded(Object.fromEntries(results.map(({ name, ...both }) => [name, both]))),
    }),
  );
}

async function peerStart(variant: string, threads: number, cacheDir: string): Promise<Start> {
  const peer = await startPeer(
    'unet2d.py',
    { ...unetOptions(unetConfig(width, batch), threads, variant), warmup: 1 },
    { TORCHINDUCTOR_CACHE_DIR: cacheDir },
  );
  if (typeof peer === 'string') throw new Error(peer);
  try {
    const { warmup_ms: warmup } = await peer.ask({ cmd: 'train', repeat: 1 });
    return { compileMs: null, firstStepMs: (warmup as number[])[0]! };
  } finally {
    await peer.stop();
  }
}
