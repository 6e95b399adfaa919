import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('memory does not grow with the steps of a training run', async () => {
  const script = fileURLToPath(new URL('memory-run.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--expose-gc',
    '--import',
    import.meta.resolve('tsx'),
    script,
  ]);
  const megabytes = JSON.parse(stdout) as number[];
  expect(megabytes).toHaveLength(90);
  // Heaps are resized now and then, by up to 30 MB in the first four thousand steps, and given back: the least of a thousand
  // steps is what is really held. A step takes in 12 KB of samples and noise and writes 590 KB of weights, averages and moments:
  // keeping only the smaller of the two adds 24 MB from the seventh thousand to the ninth.
  const least = (thousand: number) => Math.min(...megabytes.slice(10 * (thousand - 1), 10 * thousand));
  expect(least(9) - least(7), megabytes.map((mb) => mb.toFixed(1)).join(', ')).toBeLessThan(6);
}, 300_000);
