/** How long a run takes, from its first steps: they are the run's own, so timing them changes nothing. */
import { duration } from '../progress.ts';

/** The first step also prepares memory and batches; three more are enough for an estimate. */
const timed = 3;

/** Forward alone costs about a third of a training step, which goes backward too. */
const forwardShare = 1 / 3;

/** What is to be estimated. */
export interface EstimateOptions {
  /** Steps done before this start. */
  readonly from: number;
  readonly steps: number;
  readonly imagesPerStep: number;
  /** Sample grids on the way: steps between two, and images of one times evaluations of the network for each. */
  readonly grids?: { readonly every: number; readonly evaluations: number } | undefined;
}

/**
 * Watches the first steps.
 *
 * @returns a function to be called when a step is done, with the time in milliseconds since some moment; it returns the line to print, once
 */
export function estimator({
  from,
  steps,
  imagesPerStep,
  grids,
}: EstimateOptions): (step: number, at: number) => string | undefined {
  let first: number | undefined;
  return (step, at) => {
    if (step === from + 1) first = at;
    if (first === undefined || step !== from + 1 + timed || steps - step < timed) return undefined;
    const seconds = (at - first) / 1000 / timed;
    const left = steps - step;
    const gridCount = grids ? Math.ceil(steps / grids.every) - Math.floor(step / grids.every) : 0;
    const ofGrids = grids ? (gridCount * grids.evaluations * seconds * forwardShare) / imagesPerStep : 0;
    const share = gridCount > 0 ? `, ${duration(ofGrids)} of it for ${gridCount} sample grids` : '';
    return `estimate: ${left.toLocaleString('en-US')} steps to go take about ${duration(left * seconds + ofGrids)} (${timed} steps timed, ${seconds.toFixed(2)} s each${share})`;
  };
}
