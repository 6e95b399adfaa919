/**
 * Super-resolution: the network is conditioned on an image of low resolution, enlarged and concatenated with x_t.
 *
 * @see Saharia et al. 2021 (SR3), section 2.4 — https://arxiv.org/abs/2104.07636
 */
import { float32, RandomStream, resizeMatrix, type FloatArray } from '../core/index.ts';
import { imageName, type SuperResolution } from '../diffusion/index.ts';
import type { Examples } from './denoising-task.ts';

/**
 * Images with a pixel for each factor × factor block, its mean: [B, C, H, W] → [B, C, H/factor, W/factor].
 *
 * @throws if the factor does not divide both sides
 */
export function shrink(images: FloatArray, factor: number): FloatArray {
  const [height, width] = images.shape.slice(-2) as [number, number];
  if (height % factor !== 0 || width % factor !== 0)
    throw new Error(`shrink: images of ${height}×${width} have no whole number of blocks of ${factor}×${factor}`);
  const means = (from: number) =>
    float32(
      [from / factor, from],
      Float32Array.from({ length: (from / factor) * from }, (_, i) =>
        Math.floor((i % from) / factor) === Math.floor(i / from) ? 1 / factor : 0,
      ),
    );
  return resized(images, means(height), means(width));
}

/** Images `factor` times as high and wide, as PyTorch's `interpolate` makes them: [B, C, h, w] → [B, C, factor h, factor w]. */
export function enlarge(
  images: FloatArray,
  { factor, upsampling }: Pick<SuperResolution, 'factor' | 'upsampling'>,
): FloatArray {
  const [height, width] = images.shape.slice(-2) as [number, number];
  return resized(
    images,
    resizeMatrix(height, factor * height, { mode: upsampling }),
    resizeMatrix(width, factor * width, { mode: upsampling }),
  );
}

/**
 * The conditioning images of a super-resolution network: shrunk, then enlarged again.
 *
 * With a stream, normals of deviation s ~ U[0, noiseAugmentation), one s for each image, are added, so that the network does not
 * rely on the finest details of the conditioning image. Noise-free conditioning is part of training, and is used for sampling.
 *
 * @param images  [B, C, H, W] in [−1, 1]
 * @returns         [B, C, H, W]
 * @see Ho et al. 2022 (cascaded diffusion), section 4.2 — https://arxiv.org/abs/2106.15282
 */
export function lowResolution(images: FloatArray, options: SuperResolution, stream?: RandomStream): FloatArray {
  const seen = enlarge(shrink(images, options.factor), options);
  if (!stream || options.noiseAugmentation === 0) return seen;
  const size = seen.data.length / seen.shape[0]!;
  const deviations = Array.from({ length: seen.shape[0]! }, () => options.noiseAugmentation * stream.uniform());
  const z = stream.fillNormal(new Float32Array(seen.data.length));
  return float32(
    seen.shape,
    seen.data.map((x, i) => x + deviations[Math.floor(i / size)]! * z[i]!),
  );
}

/** Examples that are conditioned on their own low resolution too, with noise that is a function of (seed, number of the batch). */
export function lowResolutionExamples(examples: Examples, options: SuperResolution, seed: number): Examples {
  return {
    async batch(number, size) {
      const { x0, conditions } = await examples.batch(number, size);
      if (!x0) throw new Error('lowResolutionExamples: the examples have no images');
      return {
        x0,
        conditions: {
          ...conditions,
          [imageName]: lowResolution(x0, options, new RandomStream(seed, 'condition noise', number)),
        },
      };
    },
  };
}

/** rows · X · columnsᵀ for each channel X. */
function resized({ shape, data }: FloatArray, rows: FloatArray, columns: FloatArray): FloatArray {
  const [toHeight, height] = rows.shape as [number, number];
  const [toWidth, width] = columns.shape as [number, number];
  const planes = data.length / (height * width);
  const out = new Float32Array(planes * toHeight * toWidth);
  const line = new Float64Array(width);
  for (let plane = 0; plane < planes; plane++) {
    for (let y = 0; y < toHeight; y++) {
      line.fill(0);
      for (let k = 0; k < height; k++) {
        const weight = rows.data[y * height + k]!;
        if (weight !== 0) for (let x = 0; x < width; x++) line[x]! += weight * data[(plane * height + k) * width + x]!;
      }
      for (let x = 0; x < toWidth; x++) {
        let sum = 0;
        for (let k = 0; k < width; k++) sum += columns.data[x * width + k]! * line[k]!;
        out[(plane * toHeight + y) * toWidth + x] = sum;
      }
    }
  }
  return float32([...shape.slice(0, -2), toHeight, toWidth], out);
}
