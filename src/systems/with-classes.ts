/** What a run that says nothing of classes makes of those of its data. */
import type { Dataset } from '../data/index.ts';
import { objectiveDefaults } from '../diffusion/index.ts';
import type { AskedDdpmConfig, DdpmConfig } from './ddpm-config.ts';

/** The share of samples whose label is dropped where nobody says another (Ho & Salimans 2022, section 4.1). */
const usualDropout = 0.1;

/** A configuration whose classes are settled, and what to know of them. */
export interface SettledClasses {
  readonly config: DdpmConfig;
  readonly notes: readonly string[];
}

/**
 * Conditions the network on the classes of its data, with label dropout, where the configuration is silent: as many embeddings as there
 * are classes, and one more for the null label. A network that is conditioned on something else, or enlarges images, stays as it is.
 */
export function withClasses(
  asked: AskedDdpmConfig,
  { classNames, name }: Pick<Dataset, 'classNames' | 'name'>,
): SettledClasses {
  const { model, objective } = asked;
  const isSilent = model.numClassEmbeds === undefined && model.classEmbedType === null && !objective.superResolution;
  const found = isSilent ? classNames : undefined;
  const labelDropout = objective.labelDropout ?? (found ? usualDropout : objectiveDefaults.labelDropout);
  const numClassEmbeds = found ? found.length + (labelDropout > 0 ? 1 : 0) : (model.numClassEmbeds ?? null);
  return {
    config: { ...asked, model: { ...model, numClassEmbeds }, objective: { ...objective, labelDropout } },
    notes: found ? [described(name, found, labelDropout)] : [],
  };
}

/** `./photos has 3 classes (cat, dog, owl), and the model learns them, …` */
function described(name: string, classes: readonly string[], dropout: number): string {
  const listed = classes.slice(0, 6).join(', ') + (classes.length > 6 ? ', …' : '');
  const dropped =
    dropout > 0 ? `; ${Math.round(dropout * 100)} % of the labels are dropped, so that --guidance-scale works` : '';
  return `${name} has ${classes.length} classes (${listed}), and the model is conditioned on them${dropped}; --no-classes trains without`;
}
