/** Models as a page carries them: folders that `openModel` of kuosan/web opens as well. */
import {
  copyModelFolder,
  folderFiles,
  readFacts,
  readModelIndex,
  readPart,
  schedulerComponent,
  textToImageClass,
  unet2DConditionComponent,
  writeModelFolder,
  type LoadedModel,
} from '../../checkpoint/index.ts';
import type { HostArrays } from '../../core/index.ts';
import { describeProcess, networkProcess, type Sampling, type SamplerName } from '../../diffusion/index.ts';
import { floatsToHalf, halfToFloats } from '../../formats/index.ts';
import { samplingStage } from '../../generators/index.ts';
import { countParameters } from '../../nn/index.ts';
import { denoisingNetwork, imageShapeOf, type ImageShape } from '../../pipelines/index.ts';
import { storedTypes } from './export-text-encoder.ts';

/** What a page is made of. */
export interface PageContent {
  readonly imageShape: ImageShape;
  /** Of the network, without an encoder's. */
  readonly parameters: number;
  /** Its schedule and what its network predicts, in words. */
  readonly process: string;
  readonly dtype: 'float32' | 'float16';
  /** Writes the model into a new folder. */
  write(folder: string): Promise<void>;
}

/** How a page's model differs from the one that it is made from. */
export interface ContentOptions {
  /** What the page begins with; default the model's own. */
  readonly sampler?: SamplerName | undefined;
  /** How the weights are stored; default float16 if they all are numbers of that type, so that nothing is lost, else float32. */
  readonly dtype?: 'float32' | 'float16' | undefined;
}

/** @throws one line if it is no model that a page can show */
export function networkContent(
  model: LoadedModel,
  { sampler, dtype = dtypeOf(model.weights) }: ContentOptions,
): PageContent {
  const imageShape = imageShapeOf(denoisingNetwork(model.network, networkProcess(model.scheduler).varianceType).sample);
  checkChannels(imageShape, model.path);
  if (model.network.sample[0] !== imageShape[0])
    throw new Error(
      `${model.path}: this model is conditioned on an image, and a page has none; use kuosan edit --image, or export with --out`,
    );
  return {
    imageShape,
    dtype,
    process: describeProcess(model.scheduler),
    parameters: countParameters(model.network.module),
    write: (folder) =>
      writeModelFolder(folder, {
        ...model,
        sampling: samplingWith(model.sampling, sampler),
        dtype: storedTypes[dtype],
      }),
  };
}

/**
 * A model of text to image, with its encoder in int8.
 *
 * @returns undefined if the folder holds something else
 * @throws one line if it is damaged, or no model that a page can show
 */
export async function textToImageContent(
  dir: string,
  { sampler, ...options }: ContentOptions,
): Promise<PageContent | undefined> {
  const files = folderFiles(dir);
  const index = await readModelIndex(files);
  if (index?.['_class_name'] !== textToImageClass) return undefined;
  const { network, weights } = await readPart(files, index, 'unet', unet2DConditionComponent);
  const scheduler = await readPart(files, index, 'scheduler', schedulerComponent);
  const { varianceType } = networkProcess(scheduler);
  const { settings, sampling } = await readFacts(files);
  const { sampleSize, inChannels, outChannels } = network.config;
  const channels = varianceType === 'learned_range' ? outChannels / 2 : outChannels;
  if (inChannels !== channels || settings?.['textToImage'] === undefined)
    throw new Error(`${dir}: this model enlarges images, and a page has none; export the base that makes them`);
  const [height, width] = [sampleSize ?? 0].flat() as readonly number[];
  const imageShape: ImageShape = [channels, height!, width ?? height!];
  checkChannels(imageShape, dir);
  const dtype = options.dtype ?? dtypeOf(weights);
  return {
    imageShape,
    dtype,
    process: describeProcess(scheduler),
    parameters: countParameters(network),
    write: (folder) =>
      copyModelFolder(dir, folder, {
        dtype: storedTypes[dtype],
        textEncoder: 'int8',
        sampling: samplingWith(sampling, sampler),
      }),
  };
}

/** @throws if no image file has so many channels */
function checkChannels([channels]: ImageShape, path: string): void {
  if (channels !== 1 && channels !== 3)
    throw new Error(
      `${path}: generates images of ${channels} channels, a page shows 1 or 3; export the network with --out instead`,
    );
}

/** With another sampler: the steps and the noise that a folder says belong to its own. */
function samplingWith(
  own: Readonly<Record<string, Sampling>> | undefined,
  sampler: SamplerName | undefined,
): Readonly<Record<string, Sampling>> | undefined {
  if (sampler === undefined) return own;
  const guidanceScale = own?.[samplingStage]?.guidanceScale;
  return { ...own, [samplingStage]: { sampler, ...(guidanceScale !== undefined && { guidanceScale }) } };
}

/** float16 if every weight is a number of it: rounding to it changes images by more than another machine would. */
function dtypeOf(weights: HostArrays): 'float32' | 'float16' {
  const fits = [...weights.values()].every(({ data }) => {
    const widened = halfToFloats(floatsToHalf(data as Float32Array));
    return widened.every((value, i) => value === data[i]);
  });
  return fits ? 'float16' : 'float32';
}
