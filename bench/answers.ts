/**
 * How long a person waits for the label of one image, from a process that does not exist yet, next to the same by
 * transformers; and what embedding many images takes of memory.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '../src/core/index.ts';
import { encodePng } from '../src/data/index.ts';
import { contest, timed } from './contest.ts';
import { outcomeOf, printOutcomes, progress, rounded, sayHowLong, type Settings } from './question.ts';
import { layTable } from './table.ts';

const path = (name: string) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const model = path('pretrained/emoji-clip');
const command = path('dist/cli/main.js');
const labels = ['a dog', 'a cat', 'a house', 'a red heart', 'a bicycle'];
/** Images embedded in one process. */
const counts = [100, 1000, 4000];
const side = 64;

export async function answers({ threads, rounds }: Settings): Promise<void> {
  if (!existsSync(command)) throw new Error('bench: answers measures the built program; run npm run build first');
  const folder = await mkdtemp(join(tmpdir(), 'kuosan-answers-'));
  try {
    await mkdir(join(folder, 'images'));
    await writeImages(join(folder, 'images'), counts[0]!);
    const image = join(folder, 'images', '0.png');
    const classify = (cache: () => Promise<string> | string) =>
      timed(async () =>
        run(
          process.execPath,
          [
            command,
            'classify',
            model,
            '--images',
            image,
            '--labels',
            labels.join(),
            '--threads',
            String(threads),
            '--device',
            'cpu',
          ],
          { KUOSAN_CACHE: await cache() },
        ),
      );
    const python = process.env['KUOSAN_PYTHON'] ?? 'python3';
    const theirs = () => run(python, [path('bench/peers/classify_once.py'), model, image, String(threads), ...labels]);
    const peer = await theirs().then(
      () => true,
      (error: Error) => {
        console.log(`without transformers: ${error.message}`);
        return false;
      },
    );

    progress('a label');
    const kept = join(folder, 'cache');
    const blocks = await contest(
      {
        kuosan: classify(() => kept),
        // The same on a machine that has never run it: nothing is cached.
        first: classify(() => mkdtemp(join(folder, 'empty-'))),
        ...(peer && { transformers: timed(theirs) }),
      },
      { rounds, repeat: 1, onEstimate: sayHowLong },
    );
    const { first, ...others } = blocks;
    printOutcomes('answers', [
      outcomeOf('one image, a new process', others),
      outcomeOf('the same, nothing cached', {
        kuosan: first!,
        ...(blocks['transformers'] && { transformers: blocks['transformers'] }),
      }),
    ]);

    const peaks: Record<string, number> = {};
    for (const count of counts) {
      progress(`${count} images`);
      await writeImages(join(folder, 'images'), count);
      peaks[count] = await run(
        process.execPath,
        [
          command,
          'embed',
          model,
          '--images',
          join(folder, 'images'),
          '--out',
          join(folder, 'vectors.npy'),
          '--threads',
          String(threads),
          '--device',
          'cpu',
        ],
        { KUOSAN_CACHE: await mkdtemp(join(folder, 'empty-')) },
      );
    }
    console.log(
      `\n${layTable([['images embedded', 'peak resident memory, MB'], ...Object.entries(peaks).map(([count, peak]) => [count, peak.toFixed(0)])])}`,
    );
    console.log(JSON.stringify({ question: 'answers', case: 'memory', megabytes: rounded(peaks) }));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Different images of noise, as many as there shall be. */
async function writeImages(folder: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const file = join(folder, `${i}.png`);
    if (existsSync(file)) continue;
    const random = new RandomStream(i, 'bench pictures');
    await writeFile(
      file,
      await encodePng({
        data: Uint8Array.from({ length: side * side * 3 }, () => random.integer(256)),
        width: side,
        height: side,
        channels: 3,
      }),
    );
  }
}

/** Runs a program to its end. Resolves to the most memory it had, in megabytes, where it is one of Node's, else to NaN. */
async function run(
  program: string,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<number> {
  // Its threads load this too, and their exits are not the program's.
  const tell =
    'import { writeSync } from "node:fs"; import { isMainThread } from "node:worker_threads"; if (isMainThread) process.on("exit", () => writeSync(3, String(process.resourceUsage().maxRSS / 1024)));';
  const ours = program === process.execPath;
  const child = spawn(
    program,
    [...(ours ? ['--import', `data:text/javascript,${encodeURIComponent(tell)}`] : []), ...words],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } },
  );
  const heard = { trouble: '', peak: '' };
  child.stderr!.on('data', (text) => {
    heard.trouble = `${heard.trouble}${text}`.slice(-2000);
  });
  child.stdio[3]!.on('data', (text) => {
    heard.peak += text;
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  if (code !== 0)
    throw new Error(`${program} ended (exit code ${String(code)}) ${heard.trouble.trim().split('\n').at(-1) ?? ''}`);
  return ours ? Number(heard.peak) : Number.NaN;
}
