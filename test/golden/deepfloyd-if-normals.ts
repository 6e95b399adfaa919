/**
 * Writes deepfloyd-if/normals.safetensors: the random numbers of two images, in the order in which a stage of DeepFloyd
 * IF uses them.
 *
 *     npx tsx test/golden/deepfloyd-if-normals.ts
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { float32, RandomStream } from '../../src/core/index.ts';
import { writeSafetensors } from '../../src/formats/index.ts';

const root = fileURLToPath(new URL('deepfloyd-if/', import.meta.url));
/** What the numbers are for, how many a step takes, steps and the noise that they begin with. */
const purposes = [
  ['base', 'base', 48, 6],
  ['upsampler', 'upsampler', 768, 4],
  ['noise_augmentation', 'noise augmentation', 768, 1],
] as const;

mkdirSync(root, { recursive: true });
const tensors = purposes.map(([name, purpose, size, times]) => {
  const count = size * times;
  const data = new Float32Array(2 * count);
  for (let i = 0; i < 2; i++) data.set(new RandomStream(0, purpose, i).fillNormal(new Float32Array(count)), i * count);
  return [name, float32([2, count], data)] as const;
});
writeFileSync(`${root}normals.safetensors`, writeSafetensors(new Map(tensors)));
