/**
 * Writes unclip/normals.safetensors: the random numbers of two images in each stage of a DALL·E 2, in the order in which they are drawn.
 *
 *     npx tsx test/golden/unclip-normals.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { float32, RandomStream } from '../../src/core/index.ts';
import { writeSafetensors } from '../../src/formats/index.ts';

const root = fileURLToPath(new URL('unclip/', import.meta.url));
/** Stage, values of a sample, steps. */
const stages = [
  ['prior', 12, 5],
  ['decoder', 192, 5],
  ['super_res', 768, 3],
] as const;

mkdirSync(root, { recursive: true });
const tensors = stages.map(([stage, size, steps]) => {
  const count = size * (steps + 1);
  const data = new Float32Array(2 * count);
  for (let i = 0; i < 2; i++) data.set(new RandomStream(0, stage, i).fillNormal(new Float32Array(count)), i * count);
  return [stage, float32([2, count], data)] as const;
});
writeFileSync(`${root}normals.safetensors`, writeSafetensors(new Map(tensors)));
