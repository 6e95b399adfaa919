/** How a super-resolution model's conditioning images are made: `super_resolution.json` next to the model's index. */
import { join } from 'node:path';
import { z } from 'zod';
import { upsamplings, type SuperResolution } from '../diffusion/index.ts';
import { parseConfig, withFloats } from '../models/index.ts';
import { kindOf, writeNewFile } from '../files/durable-files.ts';
import { jsonText, readJsonFile } from '../files/json-file.ts';

const superResolutionFile = 'super_resolution.json';

const schema = z.strictObject({
  factor: z.number().int().min(2),
  upsampling: z.enum(upsamplings),
  noise_augmentation: z.number().nonnegative(),
});

export async function writeSuperResolution(
  dir: string,
  { factor, upsampling, noiseAugmentation }: SuperResolution,
): Promise<void> {
  await writeNewFile(
    join(dir, superResolutionFile),
    jsonText(withFloats(schema, { factor, upsampling, noise_augmentation: noiseAugmentation })),
  );
}

/**
 * What a model folder says of it, or null where it has no such file.
 *
 * @param sampleSize  height and width of the model's images, if they are known
 * @throws one line if the file is damaged, or the factor does not divide the images
 */
export async function readSuperResolution(
  dir: string,
  sampleSize: number | readonly number[] | null,
): Promise<SuperResolution | null> {
  const path = join(dir, superResolutionFile);
  if ((await kindOf(path)) === 'nothing') return null;
  const where = `checkpoint ${path}`;
  const {
    factor,
    upsampling,
    noise_augmentation: noiseAugmentation,
  } = parseConfig(schema, await readJsonFile(path, where), where);
  for (const side of [sampleSize ?? []].flat())
    if (side % factor !== 0)
      throw new Error(
        `${where}: factor ${factor} does not divide the model's sample_size ${JSON.stringify(sampleSize)}`,
      );
  return { factor, upsampling, noiseAugmentation };
}
