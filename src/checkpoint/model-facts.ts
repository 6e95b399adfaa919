/**
 * What a model folder says beyond what Python's libraries read: `kuosan.json` next to the model's index.
 *
 *     { "format": 1, "classes": …, "super_resolution": …, "sampling": …, "settings": … }
 *
 * Earlier folders have `class_labels.json` and `super_resolution.json` instead, which are read where there is no kuosan.json.
 */
import { z } from 'zod';
import {
  classLabelsName,
  samplerNames,
  timeSpacings,
  upsamplings,
  type Sampling,
  type SuperResolution,
} from '../diffusion/index.ts';
import { type JsonObject, jsonText } from '../formats/json-object.ts';
import { fromHuggingFace, parseConfig, snakeCaseKeys, withFloats } from '../models/config.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { type ModelFiles, readModelJson } from './model-files.ts';

/** The file's name. */
export const factsFile = 'kuosan.json';

/** The classes of a model. */
export interface ClassLabels {
  /** By class index; without the null label. */
  readonly names: readonly string[];
  /** The null label, in models trained with label dropout: only these can be guided. */
  readonly nullClass: number | null;
}

/** What a folder says of its model. */
export interface ModelFacts {
  readonly classes?: ClassLabels | null | undefined;
  /** How the images are made that it is conditioned on, if it enlarges images. */
  readonly superResolution?: SuperResolution | null | undefined;
  /** How it is sampled when nobody says, by stage; a model that needs noise in its steps says so here. */
  readonly sampling?: Readonly<Record<string, Sampling>> | undefined;
  /** What its system keeps of its own. */
  readonly settings?: JsonObject | undefined;
}

const classNumber = z.number().int().nonnegative();

const superResolutionSchema = z.strictObject({
  factor: z.number().int().min(2),
  upsampling: z.enum(upsamplings),
  noiseAugmentation: z.number().nonnegative(),
});

const samplingSchema = z.strictObject({
  sampler: z.enum(samplerNames).optional(),
  steps: z.number().int().positive().optional(),
  spacing: z.enum(timeSpacings).optional(),
  eta: z.number().min(0).max(1).optional(),
  churn: z.number().nonnegative().optional(),
  guidanceScale: z.number().optional(),
  guidanceRescale: z.number().min(0).max(1).optional(),
  guidanceInterval: z.tuple([z.number(), z.number()]).optional(),
  dynamicThresholding: z
    .strictObject({ ratio: z.number().min(0).max(1).optional(), sampleMaxValue: z.number().min(1).optional() })
    .optional(),
});

const schema = z.strictObject({
  format: z.literal(1, { error: 'this version reads format 1; take the version that wrote the model, or a newer one' }),
  classes: z.strictObject({ names: z.array(z.string()), nullLabel: classNumber.nullable() }).optional(),
  superResolution: superResolutionSchema.optional(),
  sampling: z.record(z.string(), samplingSchema).optional(),
  settings: z.record(z.string(), z.unknown()).optional(),
});

const oldClassesFile = 'class_labels.json';
const oldClassesSchema = z.strictObject({
  id2label: z.record(z.string().regex(/^\d+$/), z.string()),
  null_class: classNumber.nullable(),
});
const oldSuperResolutionFile = 'super_resolution.json';

/** The text of kuosan.json, or undefined where there is nothing to say. */
export function factsText({ classes, superResolution, sampling, settings }: ModelFacts): string | undefined {
  const facts = {
    ...(classes && { classes: { names: classes.names, null_label: classes.nullClass } }),
    ...(superResolution && { super_resolution: snakeCaseKeys({ ...superResolution }) }),
    ...(sampling && {
      sampling: Object.fromEntries(Object.entries(sampling).map(([stage, how]) => [stage, snakeCaseKeys({ ...how })])),
    }),
    ...(settings && { settings }),
  };
  return Object.keys(facts).length === 0 ? undefined : jsonText(withFloats(schema, { format: 1, ...facts }));
}

/** What of a network the facts have to fit. */
export type FactsFit = Pick<DenoisingNetwork, 'config' | 'conditions'>;

/** How many classes the network takes; null if none. */
function classCountOf({ conditions }: FactsFit): number | null {
  return conditions.find(({ name }) => name === classLabelsName)?.count ?? null;
}

/**
 * What a model's files say of it.
 *
 * @param fit  absent, nothing is checked against a network
 * @throws one line if a file is damaged, names a class that the network has not, or a factor does not divide its images
 */
export async function readFacts(files: ModelFiles, fit?: FactsFit): Promise<ModelFacts> {
  if (await files.has(factsFile)) {
    const where = `checkpoint ${files.name(factsFile)}`;
    const { classes, superResolution, sampling, settings } = parseConfig(
      schema,
      camelCased(await readModelJson(files, factsFile)),
      where,
    );
    return {
      ...(classes && { classes: checkedClasses({ names: classes.names, nullClass: classes.nullLabel }, where, fit) }),
      ...(superResolution && { superResolution: checkedFactor(superResolution, where, fit) }),
      ...(sampling && { sampling: sampling as Readonly<Record<string, Sampling>> }),
      ...(settings && { settings }),
    };
  }
  return { classes: await oldClasses(files, fit), superResolution: await oldSuperResolution(files, fit) };
}

/** Keys in camelCase, but for those of `settings`, which are a system's own, and for the names of stages. */
function camelCased({ settings, sampling, ...json }: JsonObject): JsonObject {
  const inner = (value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? fromHuggingFace(value as JsonObject) : value;
  const top = Object.fromEntries(Object.entries(fromHuggingFace(json)).map(([key, value]) => [key, inner(value)]));
  const stages =
    typeof sampling === 'object' && sampling !== null
      ? Object.fromEntries(Object.entries(sampling).map(([stage, how]) => [stage, inner(how)]))
      : sampling;
  return { ...top, ...(sampling !== undefined && { sampling: stages }), ...(settings !== undefined && { settings }) };
}

async function oldClasses(files: ModelFiles, fit: FactsFit | undefined): Promise<ClassLabels | null> {
  if ((fit && classCountOf(fit) === null) || !(await files.has(oldClassesFile))) return null;
  const where = `checkpoint ${files.name(oldClassesFile)}`;
  const { id2label, null_class: nullClass } = parseConfig(
    oldClassesSchema,
    await readModelJson(files, oldClassesFile),
    where,
  );
  const names = Object.keys(id2label).map((_, i) => {
    const name = id2label[i];
    if (name === undefined)
      throw new Error(`${where}: id2label has ${Object.keys(id2label).length} entries, but none for class ${i}`);
    return name;
  });
  return checkedClasses({ names, nullClass }, where, fit);
}

async function oldSuperResolution(files: ModelFiles, fit: FactsFit | undefined): Promise<SuperResolution | null> {
  if (!(await files.has(oldSuperResolutionFile))) return null;
  const where = `checkpoint ${files.name(oldSuperResolutionFile)}`;
  return checkedFactor(
    parseConfig(superResolutionSchema, fromHuggingFace(await readModelJson(files, oldSuperResolutionFile)), where),
    where,
    fit,
  );
}

function checkedClasses(labels: ClassLabels, where: string, fit: FactsFit | undefined): ClassLabels | null {
  const classes = fit && classCountOf(fit);
  if (classes === null) return null;
  if (classes === undefined) return labels;
  for (const id of [labels.names.length - 1, labels.nullClass ?? 0])
    if (id >= classes)
      throw new Error(`${where}: names class ${id}, and the network has ${classes} classes (0 to ${classes - 1})`);
  return labels;
}

function checkedFactor(superResolution: SuperResolution, where: string, fit: FactsFit | undefined): SuperResolution {
  const size = (fit?.config['sampleSize'] ?? []) as number | readonly number[];
  for (const side of [size].flat())
    if (side % superResolution.factor !== 0)
      throw new Error(
        `${where}: factor ${superResolution.factor} does not divide the model's sample_size ${JSON.stringify(size)}`,
      );
  return superResolution;
}
