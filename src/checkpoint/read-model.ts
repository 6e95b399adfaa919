/** Reading a model in diffusers' layout, wherever its files lie; see `model-folder.ts` for what they are. */
import type { HostArrays } from '../core/index.ts';
import type { SchedulerConfig, SuperResolution } from '../diffusion/index.ts';
import { type JsonObject } from '../formats/json-object.ts';
import { quoteJson } from '../formats/quote.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { assumedScheduler, type Component, type ReadPartOptions, schedulerComponent } from './component.ts';
import { type DenoisingPart, denoisingParts } from './denoising-part.ts';
import { cascadeClass, configFile, ifClasses, indexFile, textToImageClass } from './file-names.ts';
import { inside, type ModelFiles, readModelJson } from './model-files.ts';
import { type ClassLabels, type ModelFacts, readFacts } from './model-facts.ts';
import { schedulerClasses } from './scheduler-json.ts';

/** The pipelines of diffusers that are one network and a scheduler. */
export const pipelineClasses: readonly string[] = ['DDPMPipeline', 'DDIMPipeline'];

/** A model that was read. */
export interface LoadedModel extends Pick<ModelFacts, 'sampling'> {
  /** What its classes are called; null if it has none, or nobody wrote them down. */
  readonly classes: ClassLabels | null;
  /** How the images are made that it is conditioned on; null if there are none, or nobody wrote it down. */
  readonly superResolution: SuperResolution | null;
  readonly network: DenoisingNetwork;
  /** By checkpoint name, f32 whatever is stored. The arrays may share memory. */
  readonly weights: HostArrays;
  readonly scheduler: SchedulerConfig;
  /** The model folder. */
  readonly path: string;
  /** What the folder does not say, and what was taken instead; to be shown. */
  readonly notes: readonly string[];
}

/** Options of `readModelFolder`. */
export type ReadModelOptions = ReadPartOptions;

/**
 * The index of a model, or undefined for a network alone.
 *
 * @throws one line if there is neither an index nor a network's configuration
 */
export async function readModelIndex(files: ModelFiles): Promise<JsonObject | undefined> {
  if (await files.has(indexFile)) return readModelJson(files, indexFile);
  if (await files.has(configFile)) return undefined;
  throw new Error(
    `checkpoint ${files.name('')}: there is no ${indexFile} and no ${configFile}, so this is no model folder in diffusers' layout`,
  );
}

/**
 * Where a part of a model lies: as diffusers does, one without a folder of its own is next to the index.
 *
 * @param isAlone  a network without an index, which has no parts in folders
 */
export async function partFolder(
  files: ModelFiles,
  part: string,
  { file }: Pick<Component<never>, 'file'>,
  isAlone = false,
): Promise<string> {
  const isFlat = isAlone || (!(await files.has(inside(part, file))) && (await files.has(file)));
  return isFlat ? '' : part;
}

/**
 * Reads a part of a model.
 *
 * @param index  what model_index.json says
 * @throws one line if the index does not name the part with a class that the component reads, or the part is wrong
 */
export async function readPart<Value>(
  files: ModelFiles,
  index: JsonObject,
  part: string,
  component: Component<Value>,
  options?: ReadPartOptions,
): Promise<Value> {
  checkPart(index, part, component.classNames, `checkpoint ${files.name(indexFile)}`);
  return component.read(files, await partFolder(files, part, component), options);
}

/** Whether the index names the part with one of the classes. */
export function isPart(index: JsonObject, part: string, classes: readonly string[]): boolean {
  const named = index[part];
  return Array.isArray(named) && classes.includes(named[1] as string);
}

/** @throws if the index does not name the part, or with another class */
function checkPart(index: JsonObject, part: string, classes: readonly string[], where: string): void {
  if (!isPart(index, part, classes))
    throw new Error(
      `${where}: ${part} is ${quoteJson(index[part], 'missing')}, expected the class ${classes.join(' or ')}`,
    );
}

/**
 * Reads a model, ours or one that diffusers' `save_pretrained` wrote: a pipeline, one in the flat layout, or a network alone.
 *
 * @param known  the index, if it was read already
 * @throws one line that names the file and what is wrong: missing, damaged, a part or an option that is not supported, tensors that are
 *   not those of the configuration
 */
export async function readModel(
  files: ModelFiles,
  options: ReadModelOptions = {},
  known?: { readonly index: JsonObject | undefined },
): Promise<LoadedModel> {
  const { index } = known ?? { index: await readModelIndex(files) };
  const { name, component } = index
    ? networkOfIndex(index, `checkpoint ${files.name(indexFile)}`)
    : networkOfClass((await readModelJson(files, configFile))['_class_name']);
  const isAlone = index === undefined;
  const networkFolder = await partFolder(files, name, component, isAlone);
  const schedulerFolder = await partFolder(files, 'scheduler', schedulerComponent, isAlone);
  const isAssumed = isAlone && !(await files.has(inside(schedulerFolder, schedulerComponent.file)));
  const assumed = isAssumed
    ? assumedScheduler(files.name(inside(schedulerFolder, schedulerComponent.file)))
    : undefined;
  const scheduler = assumed?.scheduler ?? (await schedulerComponent.read(files, schedulerFolder));
  const { network, weights } = await component.read(files, networkFolder, options);
  const { classes = null, superResolution = null, sampling } = await readFacts(files, network);
  return {
    network,
    weights,
    scheduler,
    classes,
    superResolution,
    ...(sampling && { sampling }),
    path: files.name(''),
    notes: assumed ? [assumed.note] : [],
  };
}

/** The part that the index names: where there is no pipeline for a network, the class of the network stands in its place. */
function networkOfIndex(index: JsonObject, where: string): DenoisingPart {
  const className = index['_class_name'];
  if (typeof className === 'string' && Object.hasOwn(denoisingParts, className)) return denoisingParts[className]!;
  if ([textToImageClass, cascadeClass, ...Object.values(ifClasses)].some((name) => name === className))
    throw new Error(
      `${where}: holds ${className === cascadeClass ? 'a cascade' : 'a model of text to image'}, and what is asked for here takes one network without a text; sample, edit and interpolate take it`,
    );
  if (!pipelineClasses.includes(className as string))
    throw new Error(
      `${where}: pipeline ${quoteJson(className, 'without _class_name')} is not supported; one of ${pipelineClasses.join(', ')}`,
    );
  const found = Object.values(denoisingParts).find(({ name, component }) => isPart(index, name, component.classNames));
  const part = found ?? networkOfClass(undefined);
  checkPart(index, part.name, part.component.classNames, where);
  checkPart(index, 'scheduler', schedulerClasses, where);
  return part;
}

/** A network alone says its class in its configuration; its component refuses what is none. */
function networkOfClass(className: unknown): DenoisingPart {
  const [first] = Object.values(denoisingParts);
  return (
    (typeof className === 'string' && Object.hasOwn(denoisingParts, className) && denoisingParts[className]) || first!
  );
}
