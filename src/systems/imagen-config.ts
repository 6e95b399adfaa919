/** The configuration of a training run of text to image: one stage of a cascade. */
import { z } from 'zod';
import { upsamplings, type Objective, type SchedulerConfig } from '../diffusion/index.ts';
import { parseConfig, unet2DConditionConfigSchema } from '../models/index.ts';
import { textReadings } from '../pipelines/index.ts';
import { imageDataSchema } from '../train/image-data-config.ts';
import { resumable } from '../train/resumable.ts';
import { ddpmTrainSchema, noiseObjectiveSchema } from './ddpm-config.ts';
import { completedProcess, schedulerSchema } from './scheduler-schema.ts';

const positiveInteger = z.number().int().positive();
const fraction = z.number().min(0).lt(1);

/** The `text` section: how captions reach the network. */
const textSchema = z.strictObject({
  /** The folder of a frozen text encoder: `BertModel` with its pooling, `T5EncoderModel`, `CLIPTextModel` or `CLIPTextModelWithProjection`, as Hugging Face lays them out. */
  encoder: z.string().meta(resumable),
  /** Tokens that a caption is padded or cut to, those that begin and end it included. @unit tokens */
  maxTokens: positiveInteger.default(32),
  /** Add the pooled embedding to the time embedding; needs `model.classEmbedType` `projection` or `simple_projection`. Imagen pools by attention instead: `model.additionEmbedType: text`. */
  pooled: z.boolean().default(true),
  /** How captions are read: `masked`, so that padding is not attended to and a caption that is dropped is no token at all; or `deepfloyd-if`, cleaned and in lower case, with the padding attended to and the empty text for a caption that is dropped, for a model that diffusers' `IFPipeline` opens. */
  reading: z.enum(textReadings).default('masked'),
  /** The share of samples trained without caption and fields; guidance needs it. */
  dropout: fraction.default(0.1), // Saharia et al. 2022, section 2.2
  /** The share of samples trained without one of the fields, drawn for each field. */
  fieldDropout: fraction.default(0.1),
});

/** The schema of a run of text to image. */
export const imagenConfigSchema = z.strictObject({
  /** The images with their captions. */
  data: imageDataSchema.extend({
    /** 1 for gray, 3 for color. */
    channels: z.literal([1, 3]).default(3),
    /** A list of the images to train on, one file name a line; it is looked for inside the source, then as it is given. Default all. */
    files: z.string().nullable().default(null),
    /** Fields of metadata.jsonl that the network is conditioned on, such as `style`. */
    fields: z.array(z.string()).default([]),
    /** Train on random crops of this size, for a super-resolution stage without attention that is then applied to whole images. @unit pixels */
    randomCrop: positiveInteger.nullable().default(null),
  }),
  /** How captions reach the network. */
  text: textSchema,
  /** The network: a `UNet2DConditionModel`, with diffusers' defaults; channels, sample size and widths of conditions that are left out are those of the data and the encoder. */
  model: unet2DConditionConfigSchema
    .extend({
      /** Left out, those of the images, and of the image of low resolution. @unit channels */
      inChannels: positiveInteger.optional(),
      /** Left out, those of the images. @unit channels */
      outChannels: positiveInteger.optional(),
      /** Left out, the width of the encoder's hidden states. */
      encoderHidDim: positiveInteger.nullable().optional(),
      /** Left out, the width of pooled embedding and fields. */
      projectionClassEmbeddingsInputDim: positiveInteger.nullable().optional(),
    })
    .prefault({}),
  /** The diffusion process, by diffusers' names. */
  scheduler: schedulerSchema.default({}),
  /** The loss. */
  objective: noiseObjectiveSchema
    .extend({
      /** Super-resolution: generate images given their own at low resolution, with noise at a level that the network is conditioned on (`model.classEmbedType: timestep`). */
      superResolution: z
        .strictObject({
          /** By how much the low resolution is lower. */
          factor: z.number().int().min(2),
          /** How images of low resolution come to the network's size. */
          upsampling: z.enum(upsamplings).default('bilinear'),
          /** The highest noise level in training, as a share of the forward process: levels are drawn uniformly below it. */
          maxNoiseLevel: z.number().positive().max(1).default(1), // Saharia et al. 2022, section 2.3
          /** The noise level in sampling when nobody says. */
          noiseLevel: fraction.default(0.1), // Saharia et al. 2022: 0.1 to 0.3
        })
        .optional(),
    })
    .prefault({}),
  /** The optimization, and what is looked at on the way. */
  train: ddpmTrainSchema.extend({
    /** What the images of a sample grid show; left out, captions of the data. */
    samplePrompts: z.array(z.string()).default([]).meta(resumable),
    /** Guidance of sample grids and measurements. */
    sampleGuidance: z.number().min(1).default(3).meta(resumable),
  }),
});

type Parsed = z.output<typeof imagenConfigSchema>;

/** A documented training run of one stage of text to image. */
export type ImagenConfig = Omit<Parsed, 'scheduler' | 'objective'> & {
  readonly scheduler: SchedulerConfig;
  readonly objective: Omit<Parsed['objective'], 'timeSampling'> &
    Pick<Objective, 'timeSampling' | 'timeMean' | 'timeStd'>;
};

/**
 * Checks a configuration and fills in the defaults but those of the data and the encoder.
 *
 * @throws one line that names the key, what was expected and, for an unknown one, the nearest
 */
export function parseImagenConfig(value: unknown): ImagenConfig {
  const { scheduler: given, objective, ...config } = parseConfig(imagenConfigSchema, value, 'config');
  const { scheduler, times } = completedProcess(given, objective);
  return { ...config, scheduler, objective: { ...objective, ...times } };
}
