/** A tiny model of text to image with random weights: what comes out is no image, but text and style show in it. */
import { join } from 'node:path';
import {
  filesRead,
  includeFiles,
  part,
  pooledWidthOf,
  readTextEncoder,
  schedulerComponent,
  textEncoderFolder,
  textToImageClass,
  unet2DConditionComponent,
  writePipelineFolder,
} from '../src/checkpoint/index.ts';
import { float32, RandomStream, type HostArray } from '../src/core/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { textToImageSettings } from '../src/generators/index.ts';
import { UNet2DConditionModel, unet2DConditionConfigSchema } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { tinyAttentionUNet } from './tiny-attention-unet.ts';

const encoder = join(import.meta.dirname, 'golden/text-encoder-folders/sentence-bert');

/** Writes it; images are of 8 × 8, gray, with the styles `filled` and `outline`. */
export async function writeTinyTextToImage(dir: string): Promise<void> {
  const { files, read } = filesRead(encoder);
  const loaded = await readTextEncoder(files);
  const styles = ['filled', 'outline'];
  const network = new UNet2DConditionModel(
    unet2DConditionConfigSchema.parse({
      sampleSize: 8,
      inChannels: 1,
      outChannels: 1,
      ...tinyAttentionUNet,
      encoderHidDim: loaded.network.width,
      classEmbedType: 'projection',
      projectionClassEmbeddingsInputDim: pooledWidthOf(loaded) + styles.length,
    }),
  );
  const weights = new Map(
    [...initialValues(network, 1)].map(([name, { shape, data }]): [string, HostArray] => {
      const noise = new RandomStream(1, `weight ${name}`).fillNormal(new Float32Array(data.length));
      return [
        name,
        float32(
          shape,
          noise.map((z, i) => (data as Float32Array)[i]! + z / 20),
        ),
      ];
    }),
  );
  await includeFiles(encoder, read, join(dir, textEncoderFolder));
  await writePipelineFolder(dir, {
    className: textToImageClass,
    parts: {
      unet: part(unet2DConditionComponent, { network, weights }),
      scheduler: part(schedulerComponent, schedulerConfig({ numTrainTimesteps: 100 })),
    },
    facts: {
      settings: textToImageSettings({
        maxTokens: 6,
        pooled: true,
        fields: [{ name: 'style', values: styles }],
        guidance: true,
      }),
    },
  });
}
