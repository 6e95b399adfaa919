/** What the blocks of a U-Net have in common: how they are made, and what goes in and out of them. */
import { concat, type Tensor } from '../../core/index.ts';
import {
  averagePool,
  Module,
  repeatPixels,
  ResnetBlock2D,
  type ActivationName,
  type Context,
  type ResnetBlockOptions,
  type TextStates,
  type TimeScaleShift,
} from '../../nn/index.ts';

/** Settings that all blocks of a network share. */
export interface BlockSettings {
  readonly tembChannels: number;
  /** Groups of the normalizations; null leaves each block its own choice. */
  readonly groups: number | null;
  readonly eps: number;
  readonly activation: ActivationName;
  readonly timeScaleShift: TimeScaleShift;
  readonly dropout: number;
  /** 0 or 1, see `Downsample2D`. */
  readonly downsamplePadding: number;
  /** How a block with attention changes the resolution. */
  readonly downsampleType: 'conv' | 'resnet';
  readonly upsampleType: 'conv' | 'resnet';
}

/** What a network's configuration says of all of its blocks. */
export interface BlockConfig {
  readonly normNumGroups: number | null;
  readonly normEps: number;
  readonly actFn: ActivationName;
  readonly resnetTimeScaleShift: TimeScaleShift;
  readonly dropout: number;
  readonly downsamplePadding: number;
}

/** The settings of a configuration's blocks, but for how those with attention change the resolution. */
export function blockSettings(
  config: BlockConfig,
  tembChannels: number,
): Omit<BlockSettings, 'downsampleType' | 'upsampleType'> {
  return {
    tembChannels,
    groups: config.normNumGroups,
    eps: config.normEps,
    activation: config.actFn,
    timeScaleShift: config.resnetTimeScaleShift,
    dropout: config.dropout,
    downsamplePadding: config.downsamplePadding,
  };
}

/** One level of the down path. */
export interface DownBlockOptions extends BlockSettings {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly layers: number;
  /** Channels of one head of its attention. */
  readonly headDim: number;
  /** The lowest level keeps its resolution. */
  readonly last: boolean;
}

/** One level of the up path. */
export interface UpBlockOptions extends BlockSettings {
  /** Channels that come from the level below. */
  readonly prevChannels: number;
  readonly outChannels: number;
  /** Channels of the next level up (of the block's own at the top): those of the last activation that it takes. */
  readonly inChannels: number;
  readonly layers: number;
  readonly headDim: number;
  /** The highest level keeps its resolution. */
  readonly last: boolean;
}

/** The time embedding: as it comes, and through the activation that most residual blocks put before their linear layer. */
export interface TimeEmbedding {
  readonly raw: Tensor;
  /** Made once: every block needs the same one. */
  readonly activated: Tensor;
  /** The encoded text, in a network that is conditioned on one. */
  readonly text?: TextStates | undefined;
}

const hint = 'up blocks must be the counterparts of the down blocks';

/** What a block passes on: its features, and the image of the skip path that some networks have at every resolution. */
export interface Features {
  /** [B, C, H, W] */
  readonly h: Tensor;
  /** [B, 3, H, W]; absent on the up path before the first block that makes one. */
  readonly image?: Tensor | undefined;
}

/** A level of the down path. */
export abstract class DownBlock extends Module {
  /** @returns  the features and the skip connections; null keeps a place without one */
  abstract override forward(
    ctx: Context,
    features: Features,
    time: TimeEmbedding,
  ): Features & { readonly activations: readonly (Tensor | null)[] };
}

/** A level of the up path. It takes one skip connection for each of its resnets. */
export abstract class UpBlock extends Module {
  abstract readonly resnets: readonly Module[];

  /**
   * @param activations  skip connections in the order of the down path
   * @param size         height and width of the next level, where they are not twice those of this one
   */
  abstract override forward(
    ctx: Context,
    features: Features,
    activations: readonly (Tensor | null)[],
    time: TimeEmbedding,
    size?: readonly [number, number],
  ): Features;
}

/** The group count of networks that do not say one: four channels a group, at most 32 groups. */
export function groupsFor(channels: number): number {
  return Math.min(Math.floor(channels / 4), 32);
}

/** A residual block with the settings of its network, and with `groups` if it has a choice of its own. */
export function resnet(
  { tembChannels, groups, eps, activation, timeScaleShift, dropout }: BlockSettings,
  options: Pick<ResnetBlockOptions, 'inChannels' | 'outChannels'> & Partial<ResnetBlockOptions>,
): ResnetBlock2D {
  const known = options.groups ?? groups;
  if (known === null) throw new Error('this block needs normNumGroups');
  const uneven = [options.inChannels, options.outChannels].find((channels) => channels % known !== 0);
  if (options.groups === undefined && uneven !== undefined)
    throw new Error(`${uneven} channels do not split into ${known} groups (blockOutChannels and normNumGroups)`);
  return new ResnetBlock2D({ tembChannels, eps, activation, timeScaleShift, dropout, ...options, groups: known });
}

/** A residual block that halves or doubles height and width. */
export function resamplingResnet(
  settings: BlockSettings,
  channels: number,
  direction: 'down' | 'up',
  outputScaleFactor = 1,
): ResnetBlock2D {
  const resample = direction === 'down' ? averagePool : repeatPixels;
  return resnet(settings, { inChannels: channels, outChannels: channels, outputScaleFactor, resample });
}

/** Input channels of each resnet of the up path: the features, and one skip connection. */
export function upInputs({
  prevChannels,
  inChannels,
  outChannels,
  layers,
}: UpBlockOptions): readonly { readonly below: number; readonly activation: number }[] {
  return Array.from({ length: layers }, (_, i) => ({
    below: i === 0 ? prevChannels : outChannels,
    activation: i === layers - 1 ? inChannels : outChannels,
  }));
}

/** The skip connections as resnets take them: the newest first, and none missing. */
export function newestFirst(activations: readonly (Tensor | null)[]): readonly Tensor[] {
  return activations.toReversed().map((activation) => {
    if (!activation) throw new Error(`the down path has no skip connection for it; ${hint}`);
    return activation;
  });
}

/**
 * The features, concatenated with a skip connection.
 *
 * @param expected  channels that the resnet takes
 * @returns         [B, expected, H, W]
 * @throws          if the down path does not match the up path
 */
export function joined(h: Tensor, activation: Tensor | undefined, expected: number): Tensor {
  const [, channels, height, width] = h.shape;
  if (activation && (activation.shape[2] !== height || activation.shape[3] !== width)) {
    throw new Error(
      `its features are ${height}×${width}, its skip connection ${activation.shape[2]}×${activation.shape[3]}; ${hint}`,
    );
  }
  const total = channels! + (activation?.shape[1] ?? 0);
  if (total !== expected)
    throw new Error(
      `it takes ${expected} channels, its features and the skip connection have ${channels} + ${activation?.shape[1] ?? 0}; ${hint}`,
    );
  return activation ? concat([h, activation], 1) : h;
}

/**
 * Runs the down path.
 *
 * @param types  of the blocks, as the configuration names them
 * @returns      where it ends, and the skip connections: the features before it, then those of every block
 */
export function downPath(
  ctx: Context,
  blocks: readonly DownBlock[],
  types: readonly string[],
  start: Features,
  time: TimeEmbedding,
): { readonly features: Features; readonly activations: (Tensor | null)[] } {
  let features = start;
  const activations: (Tensor | null)[] = [start.h];
  blocks.forEach((block, level) =>
    naming(`downBlockTypes[${level}]`, types[level]!, () => {
      const { activations: added, ...next } = block.forward(ctx, features, time);
      activations.push(...added);
      features = next;
    }),
  );
  return { features, activations };
}

/** Runs something with a block; what is thrown then says which. */
export function naming<Result>(option: string, type: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    const { message } = error as Error;
    throw message.startsWith('internal:')
      ? error
      : new Error(`unet: ${option} (${type}): ${message}`, { cause: error });
  }
}
