import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

test('memory is flat over a thousand training steps', async () => {
  const script = fileURLToPath(new URL('memory-run.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', '--import', import.meta.resolve('tsx'), script]);
  const [warm, ...later] = JSON.parse(stdout) as number[];
  expect(later).toHaveLength(10);
  // A step takes in 12 KB of pictures and noise and writes 150 KB of weights and moments: keeping only the smaller of the two would add
  // 12 MB in 1,000 steps. The processes' heaps themselves move by 1 to 3 MB.
  const grown = Math.max(...later) - warm!;
  expect(grown, `${warm!.toFixed(1)} MB after 100 steps, then ${later.map((mb) => mb.toFixed(1)).join(', ')}`).toBeLessThan(6);
}, 120_000);
