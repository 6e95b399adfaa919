/** The files of a model of several parts, as diffusers lays out a pipeline; wherever they are written. */
import type { HostArrays } from '../core/index.ts';
import type { SchedulerConfig } from '../diffusion/index.ts';
import type { Content } from '../files/durable-files.ts';
import { type JsonObject, jsonText } from '../formats/json-object.ts';
import { type DenoisingNetwork, toHuggingFace } from '../models/index.ts';
import { type Component, schedulerComponent, type WritePartOptions } from './component.ts';
import { denoisingPartOf } from './denoising-part.ts';
import { cardFile, indexFile } from './file-names.ts';
import { inDiffusers } from './in-diffusers.ts';
import { factsFile, factsText, type ModelFacts } from './model-facts.ts';
import { inside } from './model-files.ts';
import { modelCardText } from './write-model-card.ts';

/** A part with what it is. */
export interface Part {
  readonly className: string;
  readonly library: string;
  /** The file that is there if the part is. */
  readonly file: string;
  readonly files: (options: WritePartOptions) => ReturnType<Component<never>['write']>;
}

/** A part to be written. */
export function part<Value>(component: Component<Value>, value: Value): Part {
  return {
    className: component.className(value),
    library: component.library,
    file: component.file,
    files: (options) => component.write(value, options),
  };
}

/** A model of several parts. */
export interface PipelineToWrite {
  /** The class in model_index.json: diffusers' pipeline where it has one. */
  readonly className: string;
  /** By the name of their folder. */
  readonly parts: Readonly<Record<string, Part>>;
  /** What model_index.json says besides the class; default the parts, by library and class. */
  readonly index?: JsonObject;
  readonly facts?: ModelFacts;
  /** The text of its README.md. */
  readonly card?: string;
  readonly dtype?: 'f32' | 'f16' | undefined;
}

/** A file of a model: its path with slashes, and what is in it. */
export type ModelFile = readonly [path: string, content: Content];

/**
 * The files of a model in the order in which they are written, `model_index.json` last: a folder that has it is whole.
 *
 * @throws if weights are not a network's, or do not fit the dtype
 */
export function pipelineFiles(
  { className, parts, index, facts = {}, card, dtype }: PipelineToWrite,
  options: Pick<WritePartOptions, 'where' | 'metadata'>,
): ModelFile[] {
  const laid = Object.entries(parts).flatMap(([name, { files }]) =>
    files({ dtype, ...options }).map(([file, content]: ModelFile): ModelFile => [inside(name, file), content]),
  );
  const said = factsText(facts);
  return [
    ...laid,
    ...(said === undefined ? [] : [[factsFile, said] as const]),
    ...(card === undefined ? [] : [[cardFile, card] as const]),
    [indexFile, jsonText(toHuggingFace(className, { ...(index ?? listedParts(parts)) }))],
  ];
}

/** Parts as an index lists them: by library and class. */
export function listedParts(parts: Readonly<Record<string, Part>>): Record<string, readonly [string, string]> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, { library, className }]) => [name, [library, className]]),
  );
}

/** A model to be written. */
export interface ModelToWrite extends ModelFacts {
  /** Of a class that a folder is written for; see `denoisingParts`. */
  readonly network: DenoisingNetwork;
  /** By checkpoint name, f32; exactly the network's. */
  readonly weights: HostArrays;
  readonly scheduler: SchedulerConfig;
  /** How the weights are stored; default f32. f16 is half the size, and readers widen it again. */
  readonly dtype?: 'f32' | 'f16' | undefined;
}

/** One denoising network with its scheduler, laid out as a pipeline: the files of a model folder. */
export function denoisingPipeline({ network, weights, scheduler, dtype, ...facts }: ModelToWrite): PipelineToWrite {
  const { className, index } = indexOf(network, scheduler);
  const { name, component } = denoisingPartOf(network);
  return {
    className,
    ...(index && { index }),
    parts: { scheduler: part(schedulerComponent, scheduler), [name]: part(component, { network, weights }) },
    facts,
    card: modelCardText({ network, scheduler, classes: facts.classes, superResolution: facts.superResolution }),
    dtype,
  };
}

/**
 * What `model_index.json` says. Where diffusers has no pipeline for the model it names no parts, so that none opens it and then samples
 * something else, and a note says what to open instead; diffusers skips keys that begin with an underscore.
 */
function indexOf(
  network: DenoisingNetwork,
  scheduler: SchedulerConfig,
): { readonly className: string; readonly index?: JsonObject } {
  const {
    pipelines: [pipeline],
    note,
  } = inDiffusers(network, scheduler);
  return pipeline === undefined
    ? { className: network.className, index: { _note: `${note}, as in ${cardFile}` } }
    : { className: pipeline };
}
