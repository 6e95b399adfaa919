/** What the samples of a training run look like on the way; measured, see docs/train-your-own.md. */

/** From so many images seen on, samples look like this. */
interface Stage {
  readonly seen: number;
  readonly look: string;
}

/** The network of images-32 on images of 32 × 32: emoji of people, smileys, clothes by class. */
const stages: readonly Stage[] = [
  { seen: 8_000, look: 'outlines in noise' },
  { seen: 16_000, look: 'shapes and colors' },
  { seen: 130_000, look: 'clean images' },
];

/** Images larger than this were not measured. */
const largestSize = 40;

/**
 * What to expect at which step, in one line.
 *
 * @param imagesPerStep  images seen in one step
 * @returns undefined where nothing was measured: larger images, or runs that end before the first stage
 */
export function expectedSamples({
  side,
  imagesPerStep,
  steps,
}: {
  readonly side: number;
  readonly imagesPerStep: number;
  readonly steps: number;
}): string | undefined {
  if (side > largestSize) return undefined;
  const reached = stages
    .map(({ seen, look }) => ({ step: Math.ceil(seen / imagesPerStep), look }))
    .filter(({ step }) => step <= steps);
  if (reached.length === 0) return undefined;
  const listed = reached.map(({ step, look }) => `${look} at step ${step.toLocaleString('en-US')}`).join(', ');
  return `what to expect: ${listed}; docs/train-your-own.md shows samples`;
}
