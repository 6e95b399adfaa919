/**
 * ONNX Runtime's blocked layout on the CPU.
 *
 * Its fast convolutions take images as [B, C/b, H, W, b] with b = 16 channels (8 on older processors) innermost, and
 * call the shape [B, C, H, W] all the same. The operators are in a domain of its own; it uses them for constant weights,
 * and nothing keeps us from using them for weights that change. Whatever acts on each element alone does not mind the
 * order, so values stay blocked from one convolution to the next and are put in order only where an operator needs it.
 */
import type { Shape } from '../core/index.ts';
import { GraphBuilder, valueInfo, type AttributeValue, type ValueName } from './builder.ts';
import { encodeModel } from './encode.ts';

const domain = 'com.microsoft.nchwc';

/** The blocked values of one graph, by the names under which the rest of the graph knows them. */
export class BlockedValues {
  readonly #graph: GraphBuilder;
  readonly #blocked = new Map<ValueName, () => ValueName>();
  /** Of an image with its pixels repeated twice in both directions: the image before, [B, C, H, W]. */
  readonly beforeDoubling = new Map<ValueName, ValueName>();
  /** Of an image whose blocks of 2 × 2 pixels may be added up: a cheaper way to the blocked sums. */
  readonly summedByFour = new Map<ValueName, () => ValueName>();
  /** Of the result of an operator that can add an image on the way: the sum with a blocked image, in its memory if it has no other use. */
  readonly addable = new Map<ValueName, (addend: ValueName) => ValueName>();
  /** Of the product of two images, element by element: the two. */
  readonly products = new Map<ValueName, readonly [ValueName, ValueName]>();
  /** Of an image with a number added to each channel of each image: the image before, and the numbers [B, C, 1, 1]. */
  readonly shifted = new Map<ValueName, { readonly image: ValueName; readonly numbers: ValueName }>();
  /** Of a line that is cut into parts: the parts, in order. */
  readonly parts = new Map<ValueName, readonly ValueName[]>();
  /** Channels in a block. */
  readonly block: number;

  constructor(graph: GraphBuilder, block: number) {
    graph.requireDomain(domain, 1);
    this.#graph = graph;
    this.block = block;
  }

  /** True for values whose blocked form costs nothing. */
  has(value: ValueName): boolean {
    return this.#blocked.has(value);
  }

  /** The blocked form of an image [B, C, H, W]; C must be a multiple of the block. */
  of(value: ValueName): ValueName {
    return this.#blocked.get(value)?.() ?? this.reorderIn(value);
  }

  /** Names a blocked image for the rest of the graph, which gets it in order if it asks. */
  name(blocked: ValueName, channels: number): ValueName {
    return this.nameBoth(
      () => this.reorderOut(blocked, channels),
      () => blocked,
    );
  }

  /** Names a value that can be had both ways, each emitted only if asked for. */
  nameBoth(ordered: () => ValueName, blocked: () => ValueName): ValueName {
    const name = this.#graph.defer(ordered);
    this.#blocked.set(name, this.#graph.inThisScope(blocked));
    return name;
  }

  /** Names a blocked image that is emitted only if asked for. */
  nameLater(emit: () => ValueName, channels: number): ValueName {
    let blocked: ValueName | undefined;
    const once = () => (blocked ??= emit());
    return this.nameBoth(() => this.reorderOut(once(), channels), once);
  }

  /** Names the blocked result of an operator that can add another blocked image to it. */
  nameAddable(emit: (addend?: ValueName) => ValueName, channels: number): ValueName {
    const name = this.nameLater(emit, channels);
    this.addable.set(name, this.#graph.inThisScope(emit));
    return name;
  }

  /** [B, C, H, W] → [B, C/b, H, W, b]; with `channelsLast` from [B, H, W, C]. */
  reorderIn(x: ValueName, channelsLast = false): ValueName {
    return this.apply('ReorderInput', [x], { channels_last: Number(channelsLast) });
  }

  /** [B, C/b, H, W, b] → [B, C, H, W]; with `channelsLast` to [B, H, W, C]. */
  reorderOut(x: ValueName, channels: number, channelsLast = false): ValueName {
    return this.apply('ReorderOutput', [x], { channels, channels_last: Number(channelsLast) });
  }

  /**
   * A convolution of blocked images.
   *
   * @param inputs  image [B, C, H, W], kernel [O/b, C/b, kh, kw, b (of C), b (of O)], then optionally bias [O] and an
   *                image that is added to the result
   */
  conv(
    [x, weights, bias, addend]: readonly (ValueName | undefined)[],
    {
      kernel,
      strides = [1, 1],
      pads = [0, 0, 0, 0],
      dilations = [1, 1],
      groups = 1,
    }: {
      kernel: readonly number[];
      strides?: readonly number[];
      pads?: readonly number[];
      dilations?: readonly number[];
      groups?: number;
    },
  ): ValueName {
    const inputs = [x!, weights!, ...(bias || addend ? [bias ?? ''] : []), ...(addend ? [addend] : [])];
    return this.apply('Conv', inputs, { kernel_shape: kernel, strides, pads, dilations, group: groups });
  }

  /**
   * y = x · scale + shift + addend by channel of each image: a convolution of one image with B·C groups and kernels of
   * one pixel, whose kernel runs at the speed of memory on all threads.
   *
   * @param x       blocked [B, C, H, W]
   * @param scale   [B, C], as `shift`
   * @param addend  blocked [B, C, H, W]
   */
  channelAffine(x: ValueName, shape: Shape, scale: ValueName, shift?: ValueName, addend?: ValueName): ValueName {
    const [batch, channels, height, width] = shape as [number, number, number, number];
    const groups = batch * channels;
    const asOneImage = (value: ValueName) => this.reshape(value, [1, groups, height, width]);
    const inputs = [
      asOneImage(x),
      this.reshape(scale, [groups, 1, 1, 1]),
      shift && this.reshape(shift, [groups]),
      addend && asOneImage(addend),
    ];
    return this.reshape(this.conv(inputs, { kernel: [1, 1], groups }), shape);
  }

  /** Means over the pixels of a blocked image: [B, C] in order. */
  pixelMeans(x: ValueName, [batch, channels]: readonly number[]): ValueName {
    return this.reshape(this.apply('GlobalAveragePool', [x], {}), [batch!, channels!]);
  }

  /**
   * Σ x · y over the pixels of two blocked images: [B, C]. A convolution with the second image as kernel, as large as the
   * first and with a group for each channel of each image, so that their products are never stored.
   */
  pixelProducts(x: ValueName, y: ValueName, [batch, channels, height, width]: readonly number[]): ValueName {
    const groups = batch! * channels!;
    const sums = this.conv(
      [this.reshape(x, [1, groups, height!, width!]), this.reshape(y, [groups, 1, height!, width!])],
      { kernel: [height!, width!], groups },
    );
    return this.reshape(sums, [batch!, channels!]);
  }

  /** [n, i, m, j] → [n, m, i, j], for i any number and j the block: a reordering under other names. */
  swapMiddle(x: ValueName, [n, i, m, j]: readonly [number, number, number, number]): ValueName {
    return this.reorderOut(this.reshape(x, [n, i * j, 1, m]), i * j, true);
  }

  reshape(x: ValueName, shape: Shape): ValueName {
    const known = this.#graph.constantValue(x);
    if (known) return this.#graph.deferConstant({ ...known, shape });
    return this.#graph.one('Reshape', [x, this.#graph.ints(shape)]);
  }

  apply(opType: string, inputs: readonly ValueName[], attributes: Readonly<Record<string, AttributeValue>>): ValueName {
    return this.#graph.apply(opType, inputs, attributes, 1, domain)[0]!;
  }
}

/** A model that blocks `x` [1, C, 1, 2]: where channel 0's second pixel comes to lie in `y` is the block size. */
export function blockSizeModel(channels: number): Uint8Array {
  const graph = new GraphBuilder();
  const shape = [1, channels, 1, 2];
  graph.rename(new BlockedValues(graph, 1).reorderIn('x'), 'y');
  const type = { shape, dtype: 'f32' } as const;
  return encodeModel({
    irVersion: 8,
    producerName: 'kuosan',
    producerVersion: '',
    metadataProps: [],
    opsetImport: [
      { domain: '', version: 18 },
      { domain, version: 1 },
    ],
    graph: graph.build('block size', [valueInfo('x', type)], [valueInfo('y', type)]),
  });
}
