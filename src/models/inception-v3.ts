/**
 * Inception v3, whose last pooled features the FID compares.
 *
 * Tensors have torchvision's names but for their case (`mixed_5b.branch1x1.conv.weight` is its `Mixed_5b.branch1x1.conv.weight`), and batch
 * norm is folded into the convolutions: the network is only run, not trained.
 *
 * @see Szegedy et al. 2016 — https://arxiv.org/abs/1512.00567
 */
import { avgPool2d, concat, conv2d, maxPool2d, mean, relu, type Tensor } from '../core/index.ts';
import { Module, Parameter, zeros, type Context } from '../nn/index.ts';

/** torchvision's network, or the one that TensorFlow's weights of 2015, and with them every FID, belong to. */
export type InceptionVariant = 'torchvision' | 'fid';

/** Height and width of the images it was trained on. */
export const inceptionSize = 299;

/** The smallest image that does not vanish on the way. */
const smallestSize = 75;

type Pair = readonly [number, number];
const square = (n: number): Pair => [n, n];

/** A convolution with a folded batch norm, and ReLU. */
class BasicConv2d extends Module {
  readonly conv: FoldedConv;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    options: { readonly stride?: number; readonly padding?: Pair } = {},
  ) {
    super();
    this.conv = new FoldedConv(inChannels, outChannels, kernel, options);
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return relu(this.conv.forward(ctx, x));
  }
}

/** A convolution whose kernel need not be a square. */
class FoldedConv extends Module {
  readonly weight: Parameter;
  readonly bias: Parameter;
  readonly #stride: number;
  readonly #padding: Pair;

  constructor(
    inChannels: number,
    outChannels: number,
    kernel: Pair,
    { stride = 1, padding = [0, 0] }: { readonly stride?: number; readonly padding?: Pair },
  ) {
    super();
    this.weight = new Parameter([outChannels, inChannels, ...kernel], zeros);
    this.bias = new Parameter([outChannels], zeros);
    this.#stride = stride;
    this.#padding = padding;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    const [vertical, horizontal] = this.#padding;
    return conv2d(x, ctx.param(this.weight), ctx.param(this.bias), {
      strides: square(this.#stride),
      pads: [vertical, horizontal, vertical, horizontal],
    });
  }
}

/** The convolutions of one branch by their names, applied in turn. */
function inTurn(ctx: Context, x: Tensor, ...convs: readonly BasicConv2d[]): Tensor {
  return convs.reduce((h, conv) => conv.forward(ctx, h), x);
}

/** The mean of 3 × 3 pixels; the FID's network leaves the padding out of it. */
function average(x: Tensor, variant: InceptionVariant): Tensor {
  return avgPool2d(x, 3, { strides: [1, 1], pads: [1, 1, 1, 1], countPadding: variant === 'torchvision' });
}

class InceptionA extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch5x5_1: BasicConv2d;
  readonly branch5x5_2: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2: BasicConv2d;
  readonly branch3x3dbl_3: BasicConv2d;
  readonly branch_pool: BasicConv2d;
  readonly #variant: InceptionVariant;

  constructor(inChannels: number, poolFeatures: number, variant: InceptionVariant) {
    super();
    this.branch1x1 = new BasicConv2d(inChannels, 64, square(1));
    this.branch5x5_1 = new BasicConv2d(inChannels, 48, square(1));
    this.branch5x5_2 = new BasicConv2d(48, 64, square(5), { padding: [2, 2] });
    this.branch3x3dbl_1 = new BasicConv2d(inChannels, 64, square(1));
    this.branch3x3dbl_2 = new BasicConv2d(64, 96, square(3), { padding: [1, 1] });
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, square(3), { padding: [1, 1] });
    this.branch_pool = new BasicConv2d(inChannels, poolFeatures, square(1));
    this.#variant = variant;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return concat(
      [
        this.branch1x1.forward(ctx, x),
        inTurn(ctx, x, this.branch5x5_1, this.branch5x5_2),
        inTurn(ctx, x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
        this.branch_pool.forward(ctx, average(x, this.#variant)),
      ],
      1,
    );
  }
}

class InceptionB extends Module {
  readonly branch3x3: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2: BasicConv2d;
  readonly branch3x3dbl_3: BasicConv2d;

  constructor(inChannels: number) {
    super();
    this.branch3x3 = new BasicConv2d(inChannels, 384, square(3), { stride: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(inChannels, 64, square(1));
    this.branch3x3dbl_2 = new BasicConv2d(64, 96, square(3), { padding: [1, 1] });
    this.branch3x3dbl_3 = new BasicConv2d(96, 96, square(3), { stride: 2 });
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return concat(
      [
        this.branch3x3.forward(ctx, x),
        inTurn(ctx, x, this.branch3x3dbl_1, this.branch3x3dbl_2, this.branch3x3dbl_3),
        maxPool2d(x, 3, { strides: [2, 2] }),
      ],
      1,
    );
  }
}

class InceptionC extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch7x7_1: BasicConv2d;
  readonly branch7x7_2: BasicConv2d;
  readonly branch7x7_3: BasicConv2d;
  readonly branch7x7dbl_1: BasicConv2d;
  readonly branch7x7dbl_2: BasicConv2d;
  readonly branch7x7dbl_3: BasicConv2d;
  readonly branch7x7dbl_4: BasicConv2d;
  readonly branch7x7dbl_5: BasicConv2d;
  readonly branch_pool: BasicConv2d;
  readonly #variant: InceptionVariant;

  constructor(width: number, variant: InceptionVariant) {
    super();
    const across = { padding: [0, 3] } as const;
    const down = { padding: [3, 0] } as const;
    this.branch1x1 = new BasicConv2d(768, 192, square(1));
    this.branch7x7_1 = new BasicConv2d(768, width, square(1));
    this.branch7x7_2 = new BasicConv2d(width, width, [1, 7], across);
    this.branch7x7_3 = new BasicConv2d(width, 192, [7, 1], down);
    this.branch7x7dbl_1 = new BasicConv2d(768, width, square(1));
    this.branch7x7dbl_2 = new BasicConv2d(width, width, [7, 1], down);
    this.branch7x7dbl_3 = new BasicConv2d(width, width, [1, 7], across);
    this.branch7x7dbl_4 = new BasicConv2d(width, width, [7, 1], down);
    this.branch7x7dbl_5 = new BasicConv2d(width, 192, [1, 7], across);
    this.branch_pool = new BasicConv2d(768, 192, square(1));
    this.#variant = variant;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return concat(
      [
        this.branch1x1.forward(ctx, x),
        inTurn(ctx, x, this.branch7x7_1, this.branch7x7_2, this.branch7x7_3),
        inTurn(
          ctx,
          x,
          this.branch7x7dbl_1,
          this.branch7x7dbl_2,
          this.branch7x7dbl_3,
          this.branch7x7dbl_4,
          this.branch7x7dbl_5,
        ),
        this.branch_pool.forward(ctx, average(x, this.#variant)),
      ],
      1,
    );
  }
}

class InceptionD extends Module {
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2: BasicConv2d;
  readonly branch7x7x3_1: BasicConv2d;
  readonly branch7x7x3_2: BasicConv2d;
  readonly branch7x7x3_3: BasicConv2d;
  readonly branch7x7x3_4: BasicConv2d;

  constructor() {
    super();
    this.branch3x3_1 = new BasicConv2d(768, 192, square(1));
    this.branch3x3_2 = new BasicConv2d(192, 320, square(3), { stride: 2 });
    this.branch7x7x3_1 = new BasicConv2d(768, 192, square(1));
    this.branch7x7x3_2 = new BasicConv2d(192, 192, [1, 7], { padding: [0, 3] });
    this.branch7x7x3_3 = new BasicConv2d(192, 192, [7, 1], { padding: [3, 0] });
    this.branch7x7x3_4 = new BasicConv2d(192, 192, square(3), { stride: 2 });
  }

  forward(ctx: Context, x: Tensor): Tensor {
    return concat(
      [
        inTurn(ctx, x, this.branch3x3_1, this.branch3x3_2),
        inTurn(ctx, x, this.branch7x7x3_1, this.branch7x7x3_2, this.branch7x7x3_3, this.branch7x7x3_4),
        maxPool2d(x, 3, { strides: [2, 2] }),
      ],
      1,
    );
  }
}

class InceptionE extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2a: BasicConv2d;
  readonly branch3x3_2b: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2: BasicConv2d;
  readonly branch3x3dbl_3a: BasicConv2d;
  readonly branch3x3dbl_3b: BasicConv2d;
  readonly branch_pool: BasicConv2d;
  readonly #pool: (x: Tensor) => Tensor;

  constructor(inChannels: number, pool: (x: Tensor) => Tensor) {
    super();
    const across = { padding: [0, 1] } as const;
    const down = { padding: [1, 0] } as const;
    this.branch1x1 = new BasicConv2d(inChannels, 320, square(1));
    this.branch3x3_1 = new BasicConv2d(inChannels, 384, square(1));
    this.branch3x3_2a = new BasicConv2d(384, 384, [1, 3], across);
    this.branch3x3_2b = new BasicConv2d(384, 384, [3, 1], down);
    this.branch3x3dbl_1 = new BasicConv2d(inChannels, 448, square(1));
    this.branch3x3dbl_2 = new BasicConv2d(448, 384, square(3), { padding: [1, 1] });
    this.branch3x3dbl_3a = new BasicConv2d(384, 384, [1, 3], across);
    this.branch3x3dbl_3b = new BasicConv2d(384, 384, [3, 1], down);
    this.branch_pool = new BasicConv2d(inChannels, 192, square(1));
    this.#pool = pool;
  }

  forward(ctx: Context, x: Tensor): Tensor {
    const single = this.branch3x3_1.forward(ctx, x);
    const double = inTurn(ctx, x, this.branch3x3dbl_1, this.branch3x3dbl_2);
    return concat(
      [
        this.branch1x1.forward(ctx, x),
        this.branch3x3_2a.forward(ctx, single),
        this.branch3x3_2b.forward(ctx, single),
        this.branch3x3dbl_3a.forward(ctx, double),
        this.branch3x3dbl_3b.forward(ctx, double),
        this.branch_pool.forward(ctx, this.#pool(x)),
      ],
      1,
    );
  }
}

/** The network up to its last pooling. */
export class InceptionV3 extends Module {
  readonly conv2d_1a_3x3 = new BasicConv2d(3, 32, square(3), { stride: 2 });
  readonly conv2d_2a_3x3 = new BasicConv2d(32, 32, square(3));
  readonly conv2d_2b_3x3 = new BasicConv2d(32, 64, square(3), { padding: [1, 1] });
  readonly conv2d_3b_1x1 = new BasicConv2d(64, 80, square(1));
  readonly conv2d_4a_3x3 = new BasicConv2d(80, 192, square(3));
  readonly mixed_5b: InceptionA;
  readonly mixed_5c: InceptionA;
  readonly mixed_5d: InceptionA;
  readonly mixed_6a: InceptionB;
  readonly mixed_6b: InceptionC;
  readonly mixed_6c: InceptionC;
  readonly mixed_6d: InceptionC;
  readonly mixed_6e: InceptionC;
  readonly mixed_7a: InceptionD;
  readonly mixed_7b: InceptionE;
  readonly mixed_7c: InceptionE;

  constructor(variant: InceptionVariant) {
    super();
    this.mixed_5b = new InceptionA(192, 32, variant);
    this.mixed_5c = new InceptionA(256, 64, variant);
    this.mixed_5d = new InceptionA(288, 64, variant);
    this.mixed_6a = new InceptionB(288);
    this.mixed_6b = new InceptionC(128, variant);
    this.mixed_6c = new InceptionC(160, variant);
    this.mixed_6d = new InceptionC(160, variant);
    this.mixed_6e = new InceptionC(192, variant);
    this.mixed_7a = new InceptionD();
    this.mixed_7b = new InceptionE(1280, (x) => average(x, variant));
    // The weights of 2015 were trained with a largest in the place of the last mean, a slip that the FID has kept.
    this.mixed_7c = new InceptionE(
      2048,
      variant === 'fid' ? (x) => maxPool2d(x, 3, { strides: [1, 1], pads: [1, 1, 1, 1] }) : (x) => average(x, variant),
    );
  }

  /**
   * @param x  [B, 3, H, W] in [−1, 1], H and W at least 75
   * @returns  [B, 2048]
   */
  forward(ctx: Context, x: Tensor): Tensor {
    const [, channels, height, width] = x.shape;
    if (channels !== 3 || Math.min(height!, width!) < smallestSize)
      throw new Error(
        `inceptionV3: takes [B, 3, H, W] of at least ${smallestSize} pixels, got [${x.shape.join(', ')}]`,
      );
    const halve = (h: Tensor) => maxPool2d(h, 3, { strides: [2, 2] });
    let h = halve(inTurn(ctx, x, this.conv2d_1a_3x3, this.conv2d_2a_3x3, this.conv2d_2b_3x3));
    h = halve(inTurn(ctx, h, this.conv2d_3b_1x1, this.conv2d_4a_3x3));
    for (const block of [
      this.mixed_5b,
      this.mixed_5c,
      this.mixed_5d,
      this.mixed_6a,
      this.mixed_6b,
      this.mixed_6c,
      this.mixed_6d,
      this.mixed_6e,
      this.mixed_7a,
      this.mixed_7b,
      this.mixed_7c,
    ])
      h = block.forward(ctx, h);
    return mean(h, [2, 3]);
  }
}
