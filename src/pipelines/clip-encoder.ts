/** CLIP in use: pictures and texts as unit vectors that can be compared. */
import { float32, freeze, type Executable, type Executor, type FloatArray, type HostArrays, type Program, type Store } from '../core/index.ts';
import type { Tokenizer } from '../data/tokenizer.ts';
import type { CLIPModel } from '../models/clip.ts';
import { openAIPreprocessing, type ClipPreprocessing } from '../models/clip/preprocess.ts';
import { checkTokenizer, imageProgram, textProgram } from './clip.ts';

/** Texts as vectors, and how many were longer than the model reads. */
export interface TextEmbeddings {
  /** [N, D], unit vectors. */
  readonly embeddings: FloatArray;
  /** Texts that lost their end. */
  readonly truncated: number;
}

/** A CLIP made ready to embed. */
export interface ClipEncoder {
  /** D. */
  readonly dim: number;
  readonly imageSize: number;
  readonly tokenizer: Tokenizer;
  /** e^logitScale, which multiplies cosines before a softmax; 1 where it is not known on the host. */
  readonly scale: number;
  /** The most tokens of a text. */
  readonly contextLength: number;
  /**
   * @param images  [N, C, imageSize, imageSize] in [−1, 1]
   * @returns       [N, D], unit vectors
   */
  embedImages(images: FloatArray): Promise<FloatArray>;
  embedTexts(texts: readonly string[]): Promise<TextEmbeddings>;
  dispose(): Promise<void>;
}

/** What an encoder is opened from. */
export interface ClipSource {
  readonly model: CLIPModel;
  readonly tokenizer: Tokenizer;
  /** Values to build in as constants, or a store that holds them under `prefix`. */
  readonly weights: HostArrays | { readonly store: Store; readonly prefix: string };
  readonly preprocessing?: ClipPreprocessing;
  /** Pictures or texts computed together; default 32. */
  readonly batchSize?: number;
}

/**
 * Opens a model for embedding. A tower is compiled when it is first needed.
 *
 * @throws if the tokenizer has tokens that the model does not know
 */
export function openClipEncoder(executor: Executor, { model, tokenizer, weights, preprocessing = openAIPreprocessing, batchSize = 32 }: ClipSource): ClipEncoder {
  const { projectionDim, textConfig, visionConfig: { numChannels, imageSize } } = model.config;
  checkTokenizer(tokenizer, textConfig);
  const shared = 'store' in weights ? weights : undefined;
  const compiled: Partial<Record<'image' | 'text', Promise<Executable>>> = {};
  const open = (source: Program) => executor.compile(shared ? source : freeze(source, weights as HostArrays));
  const towers = {
    image: () => compiled.image ??= open(imageProgram(model, batchSize, shared?.prefix)),
    text: () => compiled.text ??= open(textProgram(model, batchSize, undefined, shared?.prefix)),
  };

  const area = imageSize * imageSize;
  const scales = preprocessing.imageStd.map((std) => 0.5 / std);
  const shifts = preprocessing.imageStd.map((std, c) => (0.5 - preprocessing.imageMean[c]!) / std);

  async function inBatches(count: number, rows: (first: number, count: number) => Promise<FloatArray>): Promise<FloatArray> {
    const all = new Float32Array(count * projectionDim);
    for (let first = 0; first < count; first += batchSize) {
      const here = Math.min(batchSize, count - first);
      all.set((await rows(first, here)).data.subarray(0, here * projectionDim), first * projectionDim);
    }
    return float32([count, projectionDim], all);
  }

  return {
    dim: projectionDim, imageSize, tokenizer, contextLength: textConfig.maxPositionEmbeddings,
    scale: shared ? 1 : Math.exp(Number((weights as HostArrays).get('logit_scale')?.data[0] ?? 0)),
    async embedImages({ shape, data }) {
      const [count = 0] = shape;
      const expected = [count, numChannels, imageSize, imageSize];
      if (shape.join() !== expected.join()) throw new Error(`embedImages: expected [N, ${expected.slice(1).join(', ')}], got [${shape.join(', ')}]`);
      const size = numChannels * area;
      return inBatches(count, async (first, here) => {
        const batch = new Float32Array(batchSize * size);
        // ((x + 1) / 2 − mean) / std
        for (let i = 0; i < here * size; i++) batch[i] = data[first * size + i]! * scales[Math.floor(i / area) % numChannels]! + shifts[Math.floor(i / area) % numChannels]!;
        return (await (await towers.image()).run(shared?.store ?? null, { pixel_values: float32([batchSize, ...expected.slice(1)], batch) }))['image_embeds'] as FloatArray;
      });
    },
    async embedTexts(texts) {
      let truncated = 0;
      const embeddings = await inBatches(texts.length, async (first, here) => {
        const padded = Array.from({ length: batchSize }, (_, i) => (i < here ? texts[first + i]! : ''));
        const encoded = tokenizer.encodeBatch(padded, textConfig.maxPositionEmbeddings);
        truncated += encoded.truncated;
        return (await (await towers.text()).run(shared?.store ?? null, { input_ids: encoded.ids }))['text_embeds'] as FloatArray;
      });
      return { embeddings, truncated };
    },
    async dispose() {
      for (const executable of Object.values(compiled)) await (await executable).dispose();
    },
  };
}
