import { z } from 'zod';
// Not the layer's index: help asks for settings, and must not load the image library.
import { leastVocabSize } from '../data/texts/clip-tokenizer-json.ts';
import { plainTemplates } from '../data/texts/template.ts';
import { parseConfig } from '../models/index.ts';
import { clipTextConfigSchema, clipVisionConfigSchema } from '../models/clip/config.ts';
import { imageDataSchema } from '../train/image-data-config.ts';
import { resumable } from '../train/resumable.ts';
import { trainSchema } from '../train/steps/train-config.ts';

const share = z.number().min(0).max(1);

/** The schema of a training run of CLIP. The data says the size of images, the tokenizer its tokens. */
export const clipRunSchema = z.strictObject({
  /** The images and their captions, and how they are changed each time they are shown. */
  data: imageDataSchema.omit({ size: true, horizontalFlip: true }).extend({
    /** Height and width of the images. @unit pixels */
    size: z.number().int().positive().default(64),
    /** Always the middle: a model's folder has no word for another way, and CLIPImageProcessor knows none. */
    crop: z
      .literal('center', { error: 'expected "center", for so images are cropped wherever a CLIP is used' })
      .default('center'),
    /** A list of the images to train on, one file name a line; it is looked for inside the source, then as it is given. Default all. */
    files: z.string().nullable().default(null).meta(resumable),
    /** Held-out images of the same source for the zero-shot accuracy during training: a list like `files`. */
    testFiles: z.string().nullable().default(null).meta(resumable),
    /** Sentences with `{}` for the caption; one is drawn each time. */
    templates: z
      .array(z.string().includes('{}'))
      .min(1)
      .default([...plainTemplates]),
    /** The share of captions that some tags of the image are added to. */
    tagShare: share.default(0),
    /** Of the captions with tags, the share where the tags stand in the place of the caption. */
    tagsAlone: share.default(0),
    /** Random crops keep at least this part of the area; 1 crops nothing. */
    cropScale: z.number().positive().max(1).default(0.9), // as OpenCLIP's; CLIP's own is not published
    /** Random crops show at most this multiple of the area: beyond 1 an image is smaller, and its edges go on. */
    zoomOut: z.number().min(1).max(4).default(1),
    /** Aspect jitter: sides change by factors up to e^±stretch against each other. */
    aspectJitter: z.number().min(0).max(1).default(0),
    /** Rotation by up to so much to either side. @unit degrees */
    rotation: z.number().min(0).max(180).default(0),
    /** Elastic deformation: points of a grid of five by five move by a normal deviate times this part of the width. */
    elasticDeformation: z.number().min(0).max(0.25).default(0),
    /** The share of images that are flipped, left for right. */
    horizontalFlip: share.default(0),
    /** Strength of changes in brightness, hue and saturation; white and black stay what they are. */
    colorJitter: share.default(0),
    /** The share of images that are shown without color. */
    grayscale: share.default(0),
    /** The share of images that are blurred, by up to a standard deviation of 3 % of their width. */
    blur: share.default(0),
    /** Mixup: the share of images that another of the same caption is mixed into, by up to a half. */
    mixup: share.default(0),
  }),
  /** The tokens of the text tower. */
  tokenizer: z
    .strictObject({
      /** A tokenizer.json to take, as `kuosan tokenizer train` and Hugging Face's tokenizers write it; default none, one is learned. */
      file: z
        .string()
        .optional()
        .meta({ ...resumable, startsSection: true }),
      /** Tokens to learn from the captions and tags of the training images; default 5000. @unit tokens */
      vocabSize: z.number().int().min(leastVocabSize).optional(),
      /** A pair of tokens becomes one if it occurs as often; default 2. */
      minFrequency: z.number().int().positive().optional(),
    })
    .refine(
      ({ file, vocabSize, minFrequency }) =>
        file === undefined || (vocabSize === undefined && minFrequency === undefined),
      { error: 'expected a file, or vocabSize and minFrequency to learn one' },
    )
    .prefault({}),
  /** The network: a `CLIPModel`, with transformers' defaults. */
  model: z
    .strictObject({
      /** Width of the embeddings that both towers share. */
      projectionDim: z.number().int().positive().default(512), // Radford et al. 2021, table 20
      /** ln(1 / temperature) at the start. */
      logitScaleInitValue: z.number().default(2.6592), // ln(1/0.07)
      /** The text tower. */
      textConfig: clipTextConfigSchema
        .omit({ vocabSize: true, padTokenId: true, bosTokenId: true, eosTokenId: true, projectionDim: true })
        .prefault({}),
      /** The image tower. */
      visionConfig: clipVisionConfigSchema
        .omit({ numChannels: true, imageSize: true, projectionDim: true })
        .prefault({}),
    })
    .prefault({}),
  /** The optimization, and what is looked at on the way. */
  train: trainSchema.extend({
    // The settings of ViT-B/32. DDPM's warm-up stays, for runs of some thousand updates: theirs are 2,000 of 390,000.
    optimizer: trainSchema.shape.optimizer.default('adamw'), // Radford et al. 2021, table 18
    learningRate: trainSchema.shape.learningRate.default(5e-4), // Radford et al. 2021, table 18
    betas: trainSchema.shape.betas.default([0.9, 0.98]), // Radford et al. 2021, table 18
    eps: trainSchema.shape.eps.default(1e-6), // Radford et al. 2021, table 18
    weightDecay: trainSchema.shape.weightDecay.default(0.2), // Radford et al. 2021, table 18
    groups: trainSchema.shape.groups.default([{ maxRank: 1, weightDecay: 0 }]), // Radford et al. 2021, section 2.5: "all weights that are not gains or biases"; nor the temperature
    lrSchedule: trainSchema.shape.lrSchedule.default('cosine'), // Radford et al. 2021, section 2.5
    /** Held-out images that are classified during training. @unit images */
    evaluateCount: z.number().int().positive().default(500).meta(resumable),
  }),
});

/** A documented training run of CLIP. */
export interface ClipConfig extends Omit<z.output<typeof clipRunSchema>, 'tokenizer'> {
  /** A file to take, or how to learn one. */
  readonly tokenizer: { readonly file: string } | { readonly vocabSize: number; readonly minFrequency: number };
}

/**
 * Checks a configuration and fills in the defaults.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseClipConfig(value: unknown): ClipConfig {
  const {
    tokenizer: { file, vocabSize = 5000, minFrequency = 2 },
    ...config
  } = parseConfig(clipRunSchema, value, 'config');
  const { tagShare, tagsAlone } = config.data;
  if (tagsAlone > 0 && tagShare === 0) throw new Error('config.data.tagsAlone needs data.tagShare; set both');
  return { ...config, tokenizer: file === undefined ? { vocabSize, minFrequency } : { file } };
}
