import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, expect, test } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { embedImages, type ImageEncoder } from './embed-images.ts';
import { encodePng } from '../images/image.ts';

const dir = mkdtempSync(join(tmpdir(), 'kuosan-embed-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** An image's vector is its first two reds. */
const encoder: ImageEncoder = {
  dim: 2,
  imageSize: 256,
  async embedImages({ shape: [count = 0], data }) {
    return float32(
      [count, 2],
      Float32Array.from({ length: 2 * count }, (_, i) => data[(i >> 1) * 3 * 256 * 256 + (i & 1)]!),
    );
  },
};

async function image(name: string, level: number): Promise<string> {
  const path = join(dir, `${name}.png`);
  writeFileSync(
    path,
    await encodePng({ data: new Uint8Array(256 * 256 * 3).fill(level), height: 256, width: 256, channels: 3 }),
  );
  return path;
}

test('a thousand images take no more memory than a few', async () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const some = await Promise.all(Array.from({ length: 10 }, (_, i) => image(`p${i}`, 25 * i)));
  const files = Array.from({ length: 1000 }, (_, i) => some[i % 10]!);
  const held: number[] = [];
  const { embeddings } = await embedImages(encoder, files, {
    onProgress() {
      collectGarbage();
      const { heapUsed, external } = process.memoryUsage();
      held.push((heapUsed + external) / 1e6);
    },
  });
  expect(embeddings.shape).toEqual([1000, 2]);
  for (const i of [0, 9, 501, 999]) expect(embeddings.data[2 * i]).toBeCloseTo((25 * (i % 10)) / 127.5 - 1, 5);
  // A batch of 32 is 25 MB as numbers and 6 MB as bytes; were they kept, all would be a gigabyte.
  const [early, late] = [Math.max(...held.slice(2, 6)), Math.max(...held.slice(-4))];
  expect(late - early, `${held.map((megabytes) => megabytes.toFixed(0)).join(' ')} MB`).toBeLessThan(30);
}, 120_000);
