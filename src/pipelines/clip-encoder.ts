/** CLIP inference: embeds images and texts as unit vectors. */
import type { Executor, FloatArray } from '../core/index.ts';
import type { Tokenizer } from '../data/browser.ts';
import type { CLIPModel } from '../models/clip.ts';
import {
  encoderBatchSize,
  openClipImageEncoder,
  openTower,
  type ClipImageEncoder,
  type ClipImageSource,
} from './clip-image-encoder.ts';
import { checkTokenizer, textProgram } from './clip.ts';
import { inBatches } from './in-batches.ts';

/** Text embeddings, and how many texts were truncated. */
export interface TextEmbeddings {
  /** [N, D], unit vectors. */
  readonly embeddings: FloatArray;
  /** Texts that lost their end. */
  readonly truncated: number;
}

/** A CLIP made ready to embed. */
export interface ClipEncoder extends ClipImageEncoder {
  readonly tokenizer: Tokenizer;
  /** e^logitScale, which multiplies cosines before a softmax; undefined where the weights are in a store, which the host does not read. */
  readonly scale: number | undefined;
  /** The most tokens of a text. */
  readonly contextLength: number;
  embedTexts(texts: readonly string[]): Promise<TextEmbeddings>;
}

/** What an encoder is opened from. */
export interface ClipSource extends ClipImageSource {
  readonly model: CLIPModel;
  readonly tokenizer: Tokenizer;
}

/**
 * Opens a model for embedding. A tower is compiled when it is first needed.
 *
 * @throws if the tokenizer's size or end token is not the model's
 * @example
 * import { readClipFolder, resolveModel } from 'kuosan/checkpoint';
 * import { readTokenizer } from 'kuosan/data';
 * import { openClipEncoder } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const clip = await readClipFolder(await resolveModel('emoji-clip', { kind: 'clip' }));
 * const executor = createNodeExecutor();
 * const encoder = openClipEncoder(executor, { ...clip, tokenizer: readTokenizer(clip.tokenizer, 'emoji-clip'), batchSize: 1 });
 * const { embeddings } = await encoder.embedTexts(['a red heart']);
 * console.log(embeddings.shape); // [ 1, 128 ]
 * await encoder.dispose();
 * await executor.dispose();
 */
export function openClipEncoder(executor: Executor, source: ClipSource): ClipEncoder {
  const { model, tokenizer, weights, batchSize = encoderBatchSize } = source;
  const { projectionDim, textConfig } = model.config;
  checkTokenizer(tokenizer, textConfig);
  const logitScale = 'store' in weights ? undefined : weights.get('logit_scale')?.data[0];
  const images = openClipImageEncoder(executor, source);
  const text = openTower(executor, weights, (prefix) => textProgram(model, batchSize, undefined, prefix));
  return {
    ...images,
    tokenizer,
    contextLength: textConfig.maxPositionEmbeddings,
    scale: logitScale === undefined ? undefined : Math.exp(Number(logitScale)),
    async embedTexts(texts) {
      let truncated = 0;
      const embeddings = await inBatches(texts.length, batchSize, projectionDim, (first, here) => {
        const padded = Array.from({ length: batchSize }, (_, i) => (i < here ? texts[first + i]! : ''));
        const encoded = tokenizer.encodeBatch(padded, textConfig.maxPositionEmbeddings);
        truncated += encoded.truncated;
        return text.run({ input_ids: encoded.ids });
      });
      return { embeddings, truncated };
    },
    async dispose() {
      await images.dispose();
      await text.dispose();
    },
  };
}
