import type { BitsPerDimension, FeatureComparison, TextAlignment } from '../../eval/index.ts';

/** What an evaluation found, as `--json` prints it. */
export interface EvaluationReport {
  /** The model, or the folder of images. */
  readonly subject: string;
  readonly data: string;
  readonly seed: number;
  /** How many images of the folder were chosen at random, where it holds more. */
  readonly chosen?: { readonly count: number; readonly of: number };
  readonly sampler?: {
    readonly name: string;
    readonly steps: number;
    readonly guidanceScale: number;
    readonly guidanceRescale?: number | undefined;
    /** Noise levels σ/α; null for no end, as JSON knows no infinity. */
    readonly guidanceInterval?: readonly [number, number | null] | undefined;
    readonly dynamicThreshold?: number | undefined;
  };
  readonly features?: FeatureComparison;
  /** How well images show their prompts, as a CLIP sees it. */
  readonly alignment?: {
    readonly clip: string;
    readonly candidates: number;
    readonly generated: TextAlignment;
    /** Of the real images with the same captions. */
    readonly real?: TextAlignment;
  };
  readonly nearest?: {
    /** An image of the first pairs. */
    readonly sheet: string;
    /** How many pairs it shows. */
    readonly shown: number;
    /** A file with a line of JSON for every image: its number, the place and the name of the nearest real one, distance and ratio. */
    readonly list: string;
    readonly count: number;
    readonly copies: number;
    readonly copyRatio: number;
  };
  readonly bitsPerDimension?: BitsPerDimension & { readonly data: string };
}

/** The report as text: every number with its settings and its real-vs-real baseline. */
export function describeEvaluation({
  subject,
  data,
  seed,
  chosen,
  sampler,
  features,
  alignment,
  nearest,
  bitsPerDimension,
}: EvaluationReport): string {
  const drawn =
    sampler && (features || alignment || nearest)
      ? `, sampled with ${sampler.name} in ${sampler.steps} steps${describeGuidance(sampler)}`
      : '';
  const part = chosen ? ` (a random ${whole(chosen.count)} of ${whole(chosen.of)} images)` : '';
  const lines = [`${subject}${part} against ${data}, seed ${seed}${drawn}`];
  if (features) lines.push(...describeComparison(features));
  if (alignment) lines.push(...describeAlignment(alignment));
  if (nearest) {
    const { sheet, shown, list, count, copies } = nearest;
    lines.push(
      `${copies} of ${whole(count)} samples are near-duplicates of a real image (distance ratio < 1/3, Yoon et al. 2023); ${sheet} shows ${shown < count ? `the first ${shown} samples` : 'all samples'} next to their nearest real images; ${list} lists all`,
    );
  }
  if (bitsPerDimension) {
    const { total, standardError, prior, rate, distortion, count, times, data: of } = bitsPerDimension;
    lines.push(
      `bits per dimension: at most ${total.toFixed(3)} ± ${standardError.toFixed(3)} (prior ${prior.toFixed(3)}, rate ${rate.toFixed(3)}, distortion ${distortion.toFixed(3)}) on ${whole(count)} images of ${of}, ${times} times each`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function describeGuidance({
  guidanceScale,
  guidanceRescale = 0,
  guidanceInterval,
  dynamicThreshold,
}: NonNullable<EvaluationReport['sampler']>): string {
  const guided =
    guidanceScale === 1
      ? []
      : [
          `guidance ${guidanceScale}`,
          ...(guidanceRescale === 0 ? [] : [`rescaled by ${guidanceRescale}`]),
          ...(guidanceInterval
            ? [
                `at σ/α from ${guidanceInterval[0]}${guidanceInterval[1] === null ? ' on' : ` to ${guidanceInterval[1]}`}`,
              ]
            : []),
        ];
  return [...guided, ...(dynamicThreshold === undefined ? [] : [`dynamic threshold ${dynamicThreshold}`])]
    .map((part) => `, ${part}`)
    .join('');
}

/** What the distances of a comparison are measured with and on. */
export function describeFeatures({ extractor, dim, count, referenceCount, realBaseline }: FeatureComparison): string {
  return `features: ${extractor}, ${whole(dim)} of each image; N = ${whole(count)} against ${whole(referenceCount)} real; real vs real: N = ${whole(realBaseline.count)} each`;
}

/** The Fréchet distance's name: FID only where the features are its own. */
export function frechetName({ isFid }: FeatureComparison): string {
  return isFid ? 'FID' : 'Fréchet distance';
}

/** What to know of the Fréchet distance of few images; nothing where there are enough. */
export function biasNotes(found: FeatureComparison): string[] {
  const { dim, count, referenceCount, realBaseline } = found;
  return Math.min(count, referenceCount, realBaseline.count) <= dim
    ? [`note: with no more images than features the ${frechetName(found)} is biased; take a larger --count`]
    : [];
}

function describeComparison(found: FeatureComparison): string[] {
  const { isFid, count, realBaseline } = found;
  const kernel = ({ kernelDistance: { mean, std } }: Pick<FeatureComparison, 'kernelDistance'>) =>
    `${mean.toFixed(5)} ± ${std.toFixed(5)}`;
  const lines = [
    describeFeatures(found),
    row('', 'value', 'real vs real'),
    row(frechetName(found), found.frechetDistance.toFixed(3), realBaseline.frechetDistance.toFixed(3)),
    row(isFid ? 'KID' : 'kernel distance', kernel(found), kernel(realBaseline)),
    row('precision', found.precision.toFixed(3), realBaseline.precision.toFixed(3)),
    row('recall', found.recall.toFixed(3), realBaseline.recall.toFixed(3)),
    ...(found.accuracy === undefined
      ? []
      : [row('class accuracy', found.accuracy.toFixed(3), realBaseline.accuracy?.toFixed(3) ?? '')]),
  ];
  if (Math.max(...found.kept) < count)
    lines.push(
      `(${isFid ? 'KID' : 'kernel distance'}, precision and recall: on a random ${whole(Math.max(...found.kept))} of each)`,
    );
  return [...lines, ...biasNotes(found)];
}

function describeAlignment({
  clip,
  candidates,
  generated,
  real,
}: NonNullable<EvaluationReport['alignment']>): string[] {
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  const of = (value: (found: TextAlignment) => string) => [value(generated), real ? value(real) : ''] as const;
  return [
    `prompts: ${clip} looks for each image's own among ${whole(candidates)}; N = ${whole(generated.count)}${real ? ', and the real images with the same captions' : ''}`,
    row('', 'value', real ? 'real' : ''),
    row('R-precision, top-1', ...of(({ top1 }) => percent(top1))),
    row('R-precision, top-5', ...of(({ top5 }) => percent(top5))),
    row('CLIP score', ...of(({ clipScore }) => clipScore.toFixed(2))),
  ];
}

function row(name: string, value: string, real: string): string {
  return `${name.padEnd(20)}${value.padStart(18)}${real.padStart(20)}`.trimEnd();
}

function whole(n: number): string {
  return n.toLocaleString('en-US');
}
