/** What a visitor chooses, and the address that says it. */
import {
  samplers,
  samplersWhich,
  type SamplerDefinition,
  type SamplerName,
  type SamplerTable,
} from '../diffusion/index.ts';

/** What to generate, and on which device. */
export interface Settings {
  readonly seed: number;
  readonly count: number;
  readonly sampler: SamplerName;
  readonly steps: number;
  readonly eta: number;
  /** Null: all classes in turn, or a model without. */
  readonly class: number | null;
  /** Guidance scale; 1 for a model that cannot be guided. */
  readonly guidance: number;
  readonly device: 'wasm' | 'webgpu';
  /** Empty for a model without text, or where nothing was said yet. */
  readonly prompt: string;
  readonly negativePrompt: string;
  /** One value of each field that the model knows, or none: `tabler`, `outline`. */
  readonly styles: readonly string[];
}

/** What a model and a browser allow. */
export interface Limits {
  /** A sampler has at most so many steps. */
  readonly steps: number;
  /** Names of classes that can be asked for, by index. */
  readonly classes: readonly string[];
  /** Whether the model takes a text. */
  readonly text: boolean;
  /** What a visitor sees first of a model that takes one. */
  readonly prompt: string;
  /** The fields of which a visitor chooses values. */
  readonly fields: readonly { readonly name: string; readonly values: readonly string[] }[];
  /** Whether the model can be guided towards a class or a text. */
  readonly guided: boolean;
  readonly webgpu: boolean;
  /** How the model is sampled when nobody says. */
  readonly sampling: {
    readonly sampler: SamplerName;
    readonly steps: number;
    readonly guidanceScale?: number | undefined;
  };
}

/** More images than a screen shows at once are better sampled in Node. */
export const mostImages = 36;
/** Beyond this images only get brighter. */
export const mostGuidance = 10;
/** A page is for a sentence; the encoder cuts what it does not take. */
export const longestPrompt = 500;
/** As large as `kuosan sample` takes them, so that an address shows the images of any of its seeds. */
export const largestSeed = Number.MAX_SAFE_INTEGER;

/** The samplers as the form lists them. */
export function samplerChoices(
  table: SamplerTable = samplers,
): readonly { readonly name: string; readonly title: string; readonly hint: string }[] {
  return samplersWhich(undefined, table).map(({ name, title, hint }) => ({ name, title, hint }));
}

/** The number of steps that a sampler begins with: of the model's own the model's. */
export function defaultSteps(sampler: SamplerName, { steps, sampling }: Limits): number {
  return Math.min(sampler === sampling.sampler ? sampling.steps : samplers[sampler].steps, steps);
}

/** Whether η changes what a sampler does. */
export function takesEta(sampler: SamplerName): boolean {
  const { takes }: SamplerDefinition = samplers[sampler];
  return takes?.includes('eta') ?? false;
}

/** The η that a sampler begins with. */
export function defaultEta(sampler: SamplerName): number {
  const { eta = 0 }: SamplerDefinition = samplers[sampler];
  return eta;
}

/** Settings as the part of an address after #. */
export function toHash(
  { seed, count, sampler, steps, eta, class: label, guidance, device, prompt, negativePrompt, styles }: Settings,
  { guided, sampling }: Pick<Limits, 'guided' | 'sampling'>,
): string {
  const said: Record<string, string> = {
    ...(prompt !== '' && { prompt }),
    ...(negativePrompt !== '' && { negative: negativePrompt }),
    ...(styles.length > 0 && { styles: styles.join(',') }),
  };
  const fields: Record<string, string> = {
    ...said,
    seed: String(seed),
    count: String(count),
    sampler,
    steps: String(steps),
  };
  if (takesEta(sampler)) fields['eta'] = String(eta);
  if (label !== null) fields['class'] = String(label);
  if (guided && guidance !== (sampling.guidanceScale ?? 1)) fields['guidance'] = String(guidance);
  if (device !== 'wasm') fields['device'] = device;
  return `#${new URLSearchParams(fields).toString()}`;
}

/** The settings of an address. Missing and invalid values get their defaults: addresses are typed and cut short. */
export function fromHash(hash: string, limits: Limits): Settings {
  const fields = new URLSearchParams(hash.replace(/^#/, ''));
  const number = (name: string, least: number, most: number, usual: number) => {
    const text = fields.get(name);
    const value = text === null || text.trim() === '' ? Number.NaN : Number(text);
    return value >= least && value <= most ? value : usual;
  };
  const integer = (name: string, least: number, most: number, usual: number) =>
    Math.floor(number(name, least, most, usual));
  const named = fields.get('sampler') ?? '';
  const sampler: SamplerName = Object.hasOwn(samplers, named) ? (named as SamplerName) : limits.sampling.sampler;
  const asked = (fields.get('styles') ?? '').split(',');
  const text = (name: string, usual = '') =>
    limits.text ? (fields.get(name) ?? usual).trim().slice(0, longestPrompt) : '';
  const label = integer('class', 0, limits.classes.length - 1, -1);
  return {
    seed: integer('seed', 0, largestSeed, 0),
    count: integer('count', 1, mostImages, 4),
    sampler,
    steps: integer('steps', 1, limits.steps, defaultSteps(sampler, limits)),
    eta: number('eta', 0, 1, defaultEta(sampler)),
    class: label < 0 ? null : label,
    guidance: limits.guided ? number('guidance', 1, mostGuidance, limits.sampling.guidanceScale ?? 1) : 1,
    device: fields.get('device') === 'webgpu' && limits.webgpu ? 'webgpu' : 'wasm',
    prompt: text('prompt', limits.prompt),
    negativePrompt: limits.guided ? text('negative') : '',
    // Of each field one value at most, in the order of the fields.
    styles: limits.fields.flatMap(({ values }) => values.find((value) => asked.includes(value)) ?? []),
  };
}
