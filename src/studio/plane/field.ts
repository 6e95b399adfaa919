/** What a denoiser says all over the plane. */
import { float32, type FloatArray } from '../../core/index.ts';
import { classConditions, mixtureDenoiser, type Denoiser, type NoiseSchedule } from '../../diffusion/index.ts';
import { range, type CloudPoint } from './clouds.ts';
import { anyClass } from './point-denoiser.ts';

/** Arrows in a row. */
const side = 17;

/** The points at which arrows begin: [side², 2]. */
export function gridPoints(): FloatArray {
  const at = (i: number) => -range + ((i + 0.5) / side) * 2 * range;
  return float32(
    [side * side, 2],
    Array.from({ length: side * side }, (_, i) => [at(i % side), at(Math.floor(i / side))]).flat(),
  );
}

/**
 * The score ∇ ln p_t(x) = −ε̂/σ_t at the points of a grid, of both classes together or as guided to one.
 *
 * @returns [side², 2]
 */
export async function scoreField(
  denoise: Denoiser,
  schedule: NoiseSchedule,
  t: number,
  label: number = anyClass,
): Promise<FloatArray> {
  const points = gridPoints();
  const count = points.shape[0]!;
  const { eps } = await denoise(points, Array<number>(count).fill(t), {
    conditions: classConditions(Array<number>(count).fill(label)),
  });
  const sigma = schedule.sigma(t);
  return float32(
    points.shape,
    eps.data.map((e) => -e / sigma),
  );
}

/** The exact denoiser of the cloud that is trained on: each point with the little noise that training adds. */
export function exactPoints(
  schedule: NoiseSchedule,
  points: readonly CloudPoint[],
  label: number = anyClass,
): Denoiser {
  const own = label === anyClass ? points : points.filter((point) => point.label === label);
  return mixtureDenoiser(
    schedule,
    own.map(({ x, y }) => ({ mean: [x, y], std: 0.04 })),
  );
}
