/** `kuosan edit --from --to`: an image turned by the difference of two texts. */
import { layGrid } from '../../data/index.ts';
import { textDiffRequest } from '../../generators/index.ts';
import { checkApart } from '../check-apart.ts';
import { samplingFrom } from '../open-images.ts';
import { UsageError } from '../options.ts';
import { checkSamplerOptions } from '../sampling-options.ts';
import { withImages } from '../with-images.ts';
import { checkHasClip, readModelImage } from './read-model-image.ts';
import type { EditOptions } from './edit-options.ts';
import { checkImageFiles, writeSamples } from './write-images.ts';

export async function runTextDiff(source: string | undefined, options: EditOptions): Promise<void> {
  const { image, from, to, strength, count, out, seed } = options;
  if (from === undefined || to === undefined)
    throw new UsageError(
      `${from === undefined ? '--to' : '--from'}: an image is turned from one text to another; give both --from and --to`,
    );
  for (const [option, value] of Object.entries({
    '--mask': options.mask,
    '--canvas': options.canvas,
    '--prompt': options.prompt,
    '--sampler': options.sampler,
    '--negative-prompt': options.negativePrompt,
  }))
    if (value !== undefined)
      throw new UsageError(`${option}: an image is turned by the difference of two texts alone; leave it out`);
  checkSamplerOptions({ ...options, sampler: 'ddim' });
  await checkImageFiles(options, count);
  await checkApart(out, { 'the image': image });
  await withImages(source, options, async (opened, signal) => {
    const start = performance.now();
    checkHasClip(opened, 'a difference of texts');
    const { generator } = opened;
    const request = await textDiffRequest(generator, {
      seed,
      image: await readModelImage(image, generator),
      from,
      to,
      turn: strength,
      frames: count,
      sampling: samplingFrom(options),
      signal,
    });
    await writeSamples(generator.generate(request), options, {
      count,
      lay: (images) => layGrid(images, count === 1 ? { scale: 1 } : { columns: count }),
    });
    process.stdout.write(
      `${out}: ${image} from ${JSON.stringify(from)} to ${JSON.stringify(to)}${count === 1 ? '' : ` in ${count} images`} with ddim on ${generator.device} in ${((performance.now() - start) / 1000).toFixed(1)} s\n`,
    );
  });
}
