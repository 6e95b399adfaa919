/**
 * A small residual network that classifies images, and whose pooled features measure distances between images.
 *
 * @see He et al. 2016, section 4.2 (the residual block for small images) — https://arxiv.org/abs/1512.03385
 */
import { z } from 'zod';
import { add, mean, relu, type Tensor } from '../core/index.ts';
import { BatchNorm2d, Conv2d, Linear, Module, type Context } from '../nn/index.ts';
import { parseConfig } from './config.ts';

const positive = z.number().int().positive();

/** The configuration of `ImageClassifier`. */
export const imageClassifierConfigSchema = z.strictObject({
  /** Height and width of the images. @unit pixels */
  sampleSize: positive.max(1024),
  /** 1 for gray images, 3 for color. @unit channels */
  inChannels: z.union([z.literal(1), z.literal(3)]),
  /** Channels of the stages, the first at half the image's size and each further one at half of that. The last is the number of features. @unit channels */
  blockOutChannels: z.array(positive.max(4096)).nonempty().max(10).default([32, 64, 128]),
  /** Residual blocks in each stage. */
  layersPerBlock: positive.max(64).default(1),
  /** What the classes are called, in the order of their numbers. */
  classNames: z.array(z.string()).min(2).max(100_000),
});

/** A checked configuration of `ImageClassifier`. */
export type ImageClassifierConfig = z.output<typeof imageClassifierConfigSchema>;

/** Two convolutions around which the input goes straight on, or through one of its own where the shape changes. */
class ClassifierBlock extends Module {
  readonly conv1: Conv2d;
  readonly norm1: BatchNorm2d;
  readonly conv2: Conv2d;
  readonly norm2: BatchNorm2d;
  readonly convShortcut: Conv2d | null;
  readonly normShortcut: BatchNorm2d | null;

  constructor(inChannels: number, outChannels: number, stride: number) {
    super();
    this.conv1 = new Conv2d(inChannels, outChannels, 3, { stride, padding: 1, bias: false });
    this.norm1 = new BatchNorm2d(outChannels);
    this.conv2 = new Conv2d(outChannels, outChannels, 3, { padding: 1, bias: false });
    this.norm2 = new BatchNorm2d(outChannels);
    const same = stride === 1 && inChannels === outChannels;
    this.convShortcut = same ? null : new Conv2d(inChannels, outChannels, 1, { stride, bias: false });
    this.normShortcut = same ? null : new BatchNorm2d(outChannels);
  }

  /** @param x  [B, C, H, W] → [B, O, ⌈H/stride⌉, ⌈W/stride⌉] */
  forward(ctx: Context, x: Tensor): Tensor {
    const h = relu(this.norm1.forward(ctx, this.conv1.forward(ctx, x)));
    const shortcut =
      this.convShortcut && this.normShortcut ? this.normShortcut.forward(ctx, this.convShortcut.forward(ctx, x)) : x;
    return relu(add(this.norm2.forward(ctx, this.conv2.forward(ctx, h)), shortcut));
  }
}

/** What a classifier says of images. */
export interface Classification {
  /** [B, D] the last stage, averaged over its pixels. */
  readonly features: Tensor;
  /** [B, classes] */
  readonly logits: Tensor;
}

/** A residual network over small images. */
export class ImageClassifier extends Module {
  readonly config: ImageClassifierConfig;
  readonly convIn: Conv2d;
  readonly normIn: BatchNorm2d;
  readonly blocks: readonly ClassifierBlock[];
  readonly classifier: Linear;

  /** @throws one line, if the configuration is not one */
  constructor(config: z.input<typeof imageClassifierConfigSchema>) {
    super();
    this.config = parseConfig(imageClassifierConfigSchema, config, 'config.model');
    const { inChannels, blockOutChannels, layersPerBlock, classNames } = this.config;
    const [first] = blockOutChannels;
    this.convIn = new Conv2d(inChannels, first!, 3, { stride: 2, padding: 1, bias: false });
    this.normIn = new BatchNorm2d(first!);
    this.blocks = blockOutChannels.flatMap((channels, stage) =>
      Array.from(
        { length: layersPerBlock },
        (_, layer) =>
          new ClassifierBlock(
            layer === 0 ? blockOutChannels[Math.max(0, stage - 1)]! : channels,
            channels,
            layer === 0 && stage > 0 ? 2 : 1,
          ),
      ),
    );
    this.classifier = new Linear(blockOutChannels.at(-1)!, classNames.length);
  }

  /** @param x  [B, C, H, W] in [−1, 1] */
  forward(ctx: Context, x: Tensor): Classification {
    let h = relu(this.normIn.forward(ctx, this.convIn.forward(ctx, x)));
    for (const block of this.blocks) h = block.forward(ctx, h);
    const features = mean(h, [2, 3]);
    return { features, logits: this.classifier.forward(ctx, features) };
  }
}
