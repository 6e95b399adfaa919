/** Writing a model of text to image as it is shipped: one stage, its network in float16 and its encoder in int8. */
import { join } from 'node:path';
import {
  copyModelFolder,
  folderFiles,
  readFacts,
  readModelIndex,
  readPart,
  schedulerComponent,
  textToImageRows,
  unet2DConditionComponent,
} from '../checkpoint/index.ts';
import { textToImageFacts } from '../generators/index.ts';
import type { ShippedModel } from './system.ts';

/** See `System.ship`. */
export async function shipImagen(checkpoint: string, out: string): Promise<ShippedModel> {
  const files = folderFiles(checkpoint);
  const index = (await readModelIndex(files))!;
  await copyModelFolder(checkpoint, out, { dtype: 'f16', textEncoder: 'int8' });
  const { network } = await readPart(files, index, 'unet', unet2DConditionComponent);
  const scheduler = await readPart(files, index, 'scheduler', schedulerComponent);
  const { fields, maxTokens, superResolution } = textToImageFacts(await readFacts(files), checkpoint);
  return {
    weights: join('unet', 'diffusion_pytorch_model.safetensors'),
    rows: textToImageRows({ network, scheduler, fields, maxTokens, enlarges: superResolution !== undefined }),
  };
}
