/** What of this layer also runs in a browser: it loads nothing of Node. */
export type { ClassLabels } from './class-labels.ts';
export { schedulerFromJson, schedulerToJson } from './scheduler-json.ts';
export { storedWeights, widen } from './weights.ts';
