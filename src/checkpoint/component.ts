/** The parts that a model folder is made of: networks, a scheduler, tables of a system's own. */
import type { z } from 'zod';
import type { HostArrays } from '../core/index.ts';
import { schedulerConfig, type SchedulerConfig } from '../diffusion/index.ts';
import type { Content } from '../files/durable-files.ts';
import { jsonText } from '../formats/json-object.ts';
import { quoteJson } from '../formats/quote.ts';
import { safetensorsParts, type FileTensor } from '../formats/safetensors.ts';
import {
  asDiffusersRuns,
  AutoregressivePrior,
  autoregressivePriorConfigSchema,
  fromHuggingFace,
  parseConfig,
  presentTensorName,
  PriorTransformer,
  priorTransformerConfigSchema,
  toHuggingFace,
  UnCLIPTextProjModel,
  unclipTextProjConfigSchema,
  withFloats,
  UNet2DConditionModel,
  unet2DConditionConfigSchema,
  UNet2DModel,
  unet2DConfigSchema,
} from '../models/index.ts';
import { Module } from '../nn/index.ts';
import { configFile, schedulerFile } from './file-names.ts';
import { inside, type ModelFiles, readModelJson } from './model-files.ts';
import {
  schedulerClasses,
  schedulerClassOf,
  schedulerFromJson,
  schedulerFileSchema,
  schedulerToJson,
} from './scheduler-json.ts';
import { unclipSchedulerClass, unclipSchedulerSchema, unclipSchedulerToJson } from './schedulers/unclip.ts';
import { readWeights, type StoredTensor, type StoredWeights, weightsFileNames } from './weight-files.ts';
import { moduleWeights, storedWeights } from './weights.ts';

/** How a part is read. */
export interface ReadPartOptions {
  /** Which of several sets of weights to read, such as `fp16`; see `readWeights`. */
  readonly variant?: string | undefined;
}

/** How a part is written. */
export interface WritePartOptions {
  /** How weights are stored; default f32. f16 is half the size, and readers widen it again. */
  readonly dtype?: 'f32' | 'f16' | undefined;
  /** How messages call the folder. */
  readonly where: string;
  /** What goes into a file of weights with its tensors: checksums, where the platform has them. */
  readonly metadata?: (tensors: ReadonlyMap<string, FileTensor>) => Readonly<Record<string, string>>;
}

/** A kind of part: what a folder of a pipeline is made of. */
export interface Component<Value> {
  /** The Python library that has its class, or `kuosan`. */
  readonly library: string;
  /** The classes that it reads. */
  readonly classNames: readonly string[];
  /** The file that is there if the part is. */
  readonly file: string;
  className(value: Value): string;
  /**
   * @param folder  of the part, '' where it lies next to the index
   * @throws one line that names the file and what is wrong
   */
  read(files: ModelFiles, folder: string, options?: ReadPartOptions): Promise<Value>;
  /** The files that it becomes, in the order in which they are written. */
  write(value: Value, options: WritePartOptions): readonly (readonly [file: string, content: Content])[];
}

/** A network with its weights. */
export interface NetworkPart<Network> {
  readonly network: Network;
  /** By checkpoint name, f32 whatever is stored. The arrays may share memory. */
  readonly weights: HostArrays;
}

/** A component that is a network. */
export interface NetworkComponent<Network> extends Component<NetworkPart<Network>> {
  /**
   * The network of a configuration, with names in camelCase.
   *
   * @throws one line if the configuration is not one, or the network cannot be built
   */
  build(config: unknown, where: string): Network;
}

/** A network that can be a part. */
export type PartNetwork = { readonly config: object } & (Module | { readonly module: Module });

/** What a kind of network is. */
export interface NetworkComponentOptions<Config, Network extends PartNetwork> {
  readonly className: string;
  /** Its configuration, with names in camelCase. */
  readonly schema: z.ZodType<Config>;
  readonly build: (config: Config) => Network;
  /** Default `kuosan`, whose configurations always name their class. */
  readonly library?: 'diffusers' | 'transformers' | 'kuosan';
  /** What a configuration of other software means, under our names. */
  readonly asMeant?: (config: Readonly<Record<string, unknown>>) => Record<string, unknown>;
  /** Whose names the files of its weights have; default the library's, of our own diffusers'. */
  readonly naming?: 'diffusers' | 'transformers';
  /** Keys of config.json that say nothing of the network. */
  readonly otherKeys?: readonly string[];
  /** The present name of a tensor that older files call otherwise. */
  readonly presentName?: (name: string) => string;
  /** Throws if a configuration asks for more than the weights can hold: before a network is built from a number that may be damaged. */
  readonly checkSize?: (config: Config, tensors: number, where: string) => void;
}

/** The part that a network is: `config.json` and its weights. */
export function networkComponent<Config, Network extends PartNetwork>({
  className,
  schema,
  build,
  library = 'kuosan',
  naming = library === 'transformers' ? 'transformers' : 'diffusers',
  otherKeys = [],
  asMeant = (config) => config,
  presentName,
  checkSize,
}: NetworkComponentOptions<Config, Network>): NetworkComponent<Network> {
  return {
    library,
    classNames: [className],
    file: configFile,
    className: () => className,
    build: (config, where) => built(() => build(parseConfig(schema, config, where)), where),
    async read(files, folder, { variant } = {}) {
      const path = inside(folder, configFile);
      const where = `checkpoint ${files.name(path)}`;
      const json = await readModelJson(files, path);
      const found = json['_class_name'] ?? (library === 'kuosan' ? undefined : className);
      if (found !== className)
        throw new Error(
          `${where}: the class is ${quoteJson(found, 'not said')}, expected ${JSON.stringify(className)}`,
        );
      const own = Object.fromEntries(Object.entries(json).filter(([key]) => !otherKeys.includes(key)));
      const config = parseConfig(schema, asMeant(fromHuggingFace(own)), where);
      const stored = await readWeights(files, folder, { variant, library: naming, className });
      checkSize?.(config, stored.tensors.size, where);
      const network = built(() => build(config), where);
      const weights = moduleWeights(
        moduleOf(network),
        presentName ? underPresentNames(stored, presentName) : stored.tensors,
        stored.where,
        `the weights are not of the network in ${files.name(path)}: get both from one place, or take another checkpoint`,
      );
      return { network, weights };
    },
    write({ network, weights }, { dtype = 'f32', where, metadata = () => ({}) }) {
      const stored = storedWeights(moduleOf(network), weights, dtype, where);
      // Besides the format, which transformers demands, the checksums: they go with the file wherever it is copied.
      const parts = safetensorsParts(
        { types: stored, read: async (name) => stored.get(name)! },
        { format: 'pt', ...metadata(stored) },
      );
      return [
        [
          configFile,
          jsonText(withFloats(schema, toHuggingFace(className, network.config as Readonly<Record<string, unknown>>))),
        ],
        [weightsFileNames[naming], parts],
      ];
    },
  };
}

function moduleOf(network: PartNetwork): Module {
  return network instanceof Module ? network : network.module;
}

function built<Network>(build: () => Network, where: string): Network {
  try {
    return build();
  } catch (error) {
    throw new Error(`${where}: ${(error as Error).message}`, { cause: error });
  }
}

/** @throws if a tensor is there under its present and its old name */
function underPresentNames(
  { tensors, where }: StoredWeights,
  presentName: (name: string) => string,
): Map<string, StoredTensor> {
  const renamed = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    const present = presentName(name);
    if (present !== name && tensors.has(present))
      throw new Error(
        `${where}: holds tensor ${quoteJson(present)} twice, also under its old name ${quoteJson(name)}; get it again or take another checkpoint`,
      );
    renamed.set(present, tensor);
  }
  return renamed;
}

/** What diffusers' `EMAModel` writes into the configuration of the averaged network, about the average alone. */
const averageKeys: readonly string[] = [
  'decay',
  'inv_gamma',
  'min_decay',
  'optimization_step',
  'power',
  'update_after_step',
  'use_ema_warmup',
];

/** diffusers' `UNet2DModel`. */
export const unet2DComponent: NetworkComponent<UNet2DModel> = networkComponent({
  library: 'diffusers',
  className: 'UNet2DModel',
  schema: unet2DConfigSchema,
  asMeant: asDiffusersRuns,
  build: (config) => new UNet2DModel(config),
  otherKeys: averageKeys,
  presentName: presentTensorName,
  checkSize({ layersPerBlock, blockOutChannels }, tensors, where) {
    // Every resnet has tensors of its own.
    if (layersPerBlock * blockOutChannels.length > tensors)
      throw new Error(
        `${where}: asks for ${layersPerBlock} layers in each of ${blockOutChannels.length} blocks, the weights hold only ${tensors} tensors`,
      );
  },
});

/** diffusers' `UNet2DConditionModel`. */
export const unet2DConditionComponent: Component<NetworkPart<UNet2DConditionModel>> = networkComponent({
  library: 'diffusers',
  className: 'UNet2DConditionModel',
  schema: unet2DConditionConfigSchema,
  build: (config) => new UNet2DConditionModel(config),
  otherKeys: averageKeys,
  presentName: presentTensorName,
  checkSize({ blockOutChannels }, tensors, where) {
    // Every block has tensors of its own.
    if (blockOutChannels.length > tensors)
      throw new Error(`${where}: asks for ${blockOutChannels.length} blocks, the weights hold only ${tensors} tensors`);
  },
});

/** diffusers' `PriorTransformer`. */
export const priorTransformerComponent: NetworkComponent<PriorTransformer> = networkComponent({
  library: 'diffusers',
  className: 'PriorTransformer',
  schema: priorTransformerConfigSchema,
  build: (config) => new PriorTransformer(config),
  checkSize({ numLayers }, tensors, where) {
    if (numLayers > tensors)
      throw new Error(`${where}: asks for ${numLayers} layers, the weights hold only ${tensors} tensors`);
  },
});

/** An autoregressive prior, for which diffusers has no class. */
export const autoregressivePriorComponent: NetworkComponent<AutoregressivePrior> = networkComponent({
  className: 'AutoregressivePrior',
  schema: autoregressivePriorConfigSchema,
  build: (config) => new AutoregressivePrior(config),
  checkSize({ numLayers }, tensors, where) {
    if (numLayers > tensors)
      throw new Error(`${where}: asks for ${numLayers} layers, the weights hold only ${tensors} tensors`);
  },
});

/** diffusers' `UnCLIPTextProjModel`, which it keeps next to its pipelines: the only name by which diffusers 0.42 finds it is that of its file. */
export const unclipTextProjComponent: NetworkComponent<UnCLIPTextProjModel> = {
  ...networkComponent({
    library: 'diffusers',
    className: 'UnCLIPTextProjModel',
    schema: unclipTextProjConfigSchema,
    build: (config) => new UnCLIPTextProjModel(config),
  }),
  library: 'diffusers.pipelines.deprecated.unclip.text_proj',
};

/** The noise schedule and what the network predicts, in diffusers' classes. */
export const schedulerComponent: Component<SchedulerConfig> = {
  library: 'diffusers',
  classNames: schedulerClasses,
  file: schedulerFile,
  className: schedulerClassOf,
  async read(files, folder) {
    const path = inside(folder, schedulerFile);
    return schedulerFromJson(await readModelJson(files, path, { infinite: true }), `checkpoint ${files.name(path)}`);
  },
  write: (config) => [[schedulerFile, jsonText(withFloats(schedulerFileSchema(config), schedulerToJson(config)))]],
};

/**
 * The same for the parts of diffusers' UnCLIPPipeline, which steps with a class of its own: read whatever was written, written as
 * that class. Writing throws if the class has no word for a configuration.
 */
export const unclipSchedulerComponent: Component<SchedulerConfig> = {
  ...schedulerComponent,
  className: () => unclipSchedulerClass,
  write: (config) => [
    [
      schedulerFile,
      jsonText(withFloats(unclipSchedulerSchema, toHuggingFace(unclipSchedulerClass, unclipSchedulerToJson(config)))),
    ],
  ],
};

/** A table or the like, checked by a schema: one JSON file. */
export function jsonComponent<Value extends object>({
  className,
  file,
  schema,
}: {
  readonly className: string;
  readonly file: string;
  readonly schema: z.ZodType<Value>;
}): Component<Value> {
  return {
    library: 'kuosan',
    classNames: [className],
    file,
    className: () => className,
    async read(files, folder) {
      const path = inside(folder, file);
      return parseConfig(schema, await readModelJson(files, path), `checkpoint ${files.name(path)}`);
    },
    write: (value) => [[file, jsonText(withFloats(schema, value))]],
  };
}

/** DDPM's schedule, for a network that nobody wrote one down for, and a sentence that says so. */
export function assumedScheduler(path: string): { readonly scheduler: SchedulerConfig; readonly note: string } {
  const scheduler = schedulerConfig();
  return {
    scheduler,
    note: `there is no ${path}, so the noise schedule is DDPM's: ${scheduler.betaSchedule} from ${scheduler.betaStart} to ${scheduler.betaEnd} in ${scheduler.numTrainTimesteps} steps, prediction ${scheduler.predictionType}`,
  };
}
