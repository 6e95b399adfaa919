/** Frozen text encoders: texts to hidden states and one vector each, for what is conditioned on text. */
import {
  float32,
  input,
  program,
  type Executable,
  type Executor,
  type FloatArray,
  type HostArray,
  type Program,
} from '../core/index.ts';
import { pooledWidthOf, type LoadedTextEncoder, type PoolingMode } from '../checkpoint/browser.ts';
import { cleanCaption, readTokenizer, type Tokenizer } from '../data/browser.ts';
import { bind } from '../nn/index.ts';
import { checkTokenizer } from './clip.ts';
import { encoderFingerprint } from './text-encoder-fingerprint.ts';

/** What a text encoder makes of texts. */
export interface TextFeatures {
  /** [B, L, D], the last hidden states; zero where there is no token, but for the reading `deepfloyd-if`. */
  readonly hidden: FloatArray;
  /** [B, L] of bool: the tokens that are there, those around the text counted; with the reading `deepfloyd-if` all. */
  readonly mask: HostArray;
  /** [B, P], one vector a text. */
  readonly pooled: FloatArray;
}

/** A text encoder made ready to encode. */
export interface FrozenTextEncoder {
  /** The network's class in transformers. */
  readonly className: string;
  /** D. */
  readonly width: number;
  /** P. */
  readonly pooledWidth: number;
  /** L, the most tokens of a text, those around it counted. */
  readonly maxLength: number;
  /** All texts at once; two texts that are the same to the tokenizer have the same features. */
  encode(texts: readonly string[]): Promise<TextFeatures>;
  /** Tokens of a text before it is truncated, those around it counted. */
  countTokens(text: string): number;
  /** Whether a text has more tokens than the encoder takes, and loses those before its end token. */
  truncated(text: string): boolean;
  /**
   * What identifies all that features depend on: the network, its weights, the tokenizer, pooling, `maxLength`. Computed when it is first
   * asked for.
   *
   * @throws in a page that is not served over https, where browsers compute no SHA-256
   */
  fingerprint(): Promise<string>;
  dispose(): Promise<void>;
}

/** Options of `openTextEncoder`. */
export interface TextEncoderOptions {
  /** L; default what the files say, 512 where they do not. Short captions need few: the padding costs whoever attends to it. */
  readonly maxLength?: number | undefined;
  /** Texts computed together at most; default 32. */
  readonly batchSize?: number | undefined;
  /**
   * Default `masked`: hidden states are zero where there is no token, and the mask says so. `deepfloyd-if` is how
   * DeepFloyd IF reads texts: cleaned (`cleanCaption`), padded to `maxLength`, and the states of the padding are there
   * like any other.
   */
  readonly reading?: TextReading | undefined;
}

/** How texts are read; see `TextEncoderOptions`. */
export const textReadings = ['masked', 'deepfloyd-if'] as const;
/** One of `textReadings`. */
export type TextReading = (typeof textReadings)[number];

/**
 * Opens a text encoder. Texts are computed in batches of similar length, so a short one costs little at any `maxLength`. The programs for
 * each length are compiled when they are first needed and share one copy of the weights.
 *
 * @param executor  where it computes; it has to outlive the encoder
 * @throws if the tokenizer is not the network's, or the network has fewer positions than `maxLength`
 *
 * @example
 * import { folderFiles, readTextEncoder } from 'kuosan/checkpoint';
 * import { openTextEncoder } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const executor = createNodeExecutor();
 * const files = folderFiles('models/all-MiniLM-L6-v2');
 * const encoder = await openTextEncoder(executor, await readTextEncoder(files), { maxLength: 16 });
 * const { hidden, mask, pooled } = await encoder.encode(['a folder with a heart', 'a bell']);
 * // hidden [2, 16, 384], mask [2, 16], pooled [2, 384]
 */
export async function openTextEncoder(
  executor: Executor,
  loaded: LoadedTextEncoder,
  { maxLength = loaded.maxLength, batchSize = 32, reading = 'masked' }: TextEncoderOptions = {},
): Promise<FrozenTextEncoder> {
  const { network, pooling, lowercase, tokenizer: tokenizerJson } = loaded;
  const { width, context, className } = network;
  if (!(Number.isInteger(maxLength) && maxLength >= 2 && maxLength <= (context ?? Infinity)))
    throw new Error(
      `openTextEncoder: maxLength must be a whole number of 2 to ${context ?? 'any number of'} tokens (${className} ${loaded.path}), got ${maxLength}`,
    );
  if (!(Number.isInteger(batchSize) && batchSize >= 1))
    throw new Error(`openTextEncoder: batchSize must be a whole number from 1, got ${batchSize}`);
  const isPadded = reading === 'deepfloyd-if';
  const tokenizer = openTokenizer(loaded, isPadded ? paddingOf(loaded) : undefined);
  const pooledWidth = pooledWidthOf(loaded);
  const cleaned = isPadded ? cleanCaption : (text: string) => text;
  const prepared = (text: string) => (lowercase ? cleaned(text).toLowerCase() : cleaned(text));

  // An embedding of the network's own is a product of rows, which a kernel sums in another order where there is one row alone.
  const fewest = pooling.modes.length === 0 ? Math.min(2, batchSize) : 1;
  const build = (batch: number, length: number) => textEncoderProgram({ network, pooling }, batch, length);
  // What is read is the same at any length, and what is built for a long one is large.
  const store = await executor.createStore(build(1, 2).reads, loaded.weights);
  const programs = new Map<string, Promise<Executable>>();
  let fingerprint: Promise<string> | undefined;
  const encoder: FrozenTextEncoder = {
    className,
    width,
    pooledWidth,
    maxLength,
    countTokens: (text) => tokenizer.encode(prepared(text)).length,
    truncated: (text) => encoder.countTokens(text) > maxLength,
    async encode(texts) {
      const hidden = new Float32Array(texts.length * maxLength * width);
      const mask = new Uint8Array(texts.length * maxLength);
      const pooled = new Float32Array(texts.length * pooledWidth);
      const counts = texts.map(encoder.countTokens);
      const lengths = isPadded ? counts.map(() => maxLength) : counts;
      for (const { length, rows, batch } of batchesByLength(lengths, maxLength, batchSize, fewest)) {
        const tokens = tokenizer.encodeBatch(
          Array.from({ length: batch }, (_, i) => prepared(texts[rows[Math.min(i, rows.length - 1)]!]!)),
          length,
        );
        const key = `${batch} ${length}`;
        let executable = programs.get(key);
        if (!executable) programs.set(key, (executable = executor.compile(build(batch, length))));
        const found = await (await executable).run(store, { ids: tokens.ids, mask: tokens.mask });
        const states = found['hidden']!.data as Float32Array;
        const own = found['pooled']?.data as Float32Array | undefined;
        for (const [i, row] of rows.entries()) {
          // What a position without a token is itself, nobody should see, unless the network has learned it.
          const shown = Math.min(lengths[row]!, maxLength);
          const start = i * length * width;
          hidden.set(states.subarray(start, start + shown * width), row * maxLength * width);
          mask.fill(1, row * maxLength, row * maxLength + shown);
          const count = Math.min(counts[row]!, maxLength);
          const vector =
            own?.subarray(i * pooledWidth, (i + 1) * pooledWidth) ??
            pooledStates(states.subarray(start, start + count * width), count, pooling.modes);
          pooled.set(pooling.normalize ? unitVector(vector) : vector, row * pooledWidth);
        }
      }
      return {
        hidden: float32([texts.length, maxLength, width], hidden),
        mask: { dtype: 'bool', shape: [texts.length, maxLength], data: mask },
        pooled: float32([texts.length, pooledWidth], pooled),
      };
    },
    fingerprint: () =>
      (fingerprint ??= encoderFingerprint(
        {
          className,
          config: network.config,
          tokenizer: tokenizerJson,
          pooling,
          lowercase,
          maxLength,
          ...(reading !== 'masked' && { reading }),
        },
        store,
      )),
    async dispose() {
      // What did not compile has nothing to give back, and was reported where it was run.
      for (const executable of programs.values()) await (await executable.catch(() => undefined))?.dispose();
      await store.dispose();
    },
  };
  return encoder;
}

/** Vocabularies are padded to a multiple of this in the table of embeddings, as T5's is. */
const vocabularyStep = 128;

/** What padding is where it is seen: the network's own. */
function paddingOf({ network: { config } }: LoadedTextEncoder): number | undefined {
  const id = (config as { readonly padTokenId?: unknown }).padTokenId;
  return typeof id === 'number' ? id : undefined;
}

/** @throws one line if the tokenizer cannot be the network's */
function openTokenizer(
  { network, tokenizer: json, tokenizerPath }: LoadedTextEncoder,
  padTokenId: number | undefined,
): Tokenizer {
  const where = `checkpoint ${tokenizerPath}`;
  const tokenizer = readTokenizer(json, where, padTokenId === undefined ? {} : { padTokenId });
  const { vocabSize, eosTokenId, className } = network;
  const padded = Math.ceil(tokenizer.vocabSize / vocabularyStep) * vocabularyStep;
  if (tokenizer.vocabSize > vocabSize || vocabSize > padded)
    throw new Error(
      `${where}: has ${tokenizer.vocabSize} tokens, the ${className} has ${vocabSize} (vocab_size); take the tokenizer.json that came with the model`,
    );
  if (eosTokenId !== undefined) checkTokenizer(tokenizer, { vocabSize, eosTokenId });
  return tokenizer;
}

/**
 * The program of a batch: inputs `ids` [B, L] of i64 and `mask` [B, L] of bool; outputs `hidden` [B, L, D], and where the network has
 * an embedding of its own `pooled` [B, P].
 */
export function textEncoderProgram(
  { network, pooling }: Pick<LoadedTextEncoder, 'network' | 'pooling'>,
  batchSize: number,
  length: number,
): Program {
  const ids = input('ids', [batchSize, length], 'i64');
  const mask = input('mask', [batchSize, length], 'bool');
  const { hidden, pooled } = network.states(bind(network.module), ids, mask);
  return program({ outputs: { hidden, ...(pooling.modes.length === 0 && { pooled: pooled! }) } });
}

/**
 * One text's vector from its hidden states, on the host: a kernel may sum a row in another order where it stands elsewhere in a
 * batch, and a text's vector must not depend on its company.
 *
 * @param states  [L, D] of the tokens that are there; a text has its end token at least
 * @returns       [modes · D]
 */
function pooledStates(states: Float32Array, count: number, modes: readonly PoolingMode[]): Float64Array {
  const width = states.length / count;
  const vector = new Float64Array(modes.length * width);
  for (const [m, mode] of modes.entries()) {
    for (let d = 0; d < width; d++) {
      const values = Array.from({ length: count }, (_, row) => states[row * width + d]!);
      vector[m * width + d] = pooledValue(values, mode);
    }
  }
  return vector;
}

function pooledValue(values: readonly number[], mode: PoolingMode): number {
  const total = values.reduce((sum, value) => sum + value, 0);
  switch (mode) {
    case 'cls':
      return values[0]!;
    case 'max':
      return Math.max(...values);
    case 'mean':
      return total / values.length;
    case 'mean_sqrt_len':
      return total / Math.sqrt(values.length);
  }
}

function unitVector(vector: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(vector);
  const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return length === 0 ? values : values.map((value) => value / length);
}

/** A batch: which texts, at which length, and for how many rows its program is compiled. */
interface LengthBatch {
  readonly length: number;
  readonly rows: readonly number[];
  readonly batch: number;
}

/**
 * Batches of texts of similar length. The length depends on the text alone, so that its features do not depend on its company; there are
 * few lengths and sizes, since each is a program.
 */
export function batchesByLength(
  counts: readonly number[],
  maxLength: number,
  batchSize: number,
  fewest = 1,
): LengthBatch[] {
  const byLength = new Map<number, number[]>();
  for (const [row, count] of counts.entries()) {
    const length = Math.min(maxLength, roundedLength(count));
    byLength.set(length, [...(byLength.get(length) ?? []), row]);
  }
  return [...byLength].flatMap(([length, rows]) =>
    Array.from({ length: Math.ceil(rows.length / batchSize) }, (_, i) => {
      const part = rows.slice(i * batchSize, (i + 1) * batchSize);
      return {
        length,
        rows: part,
        batch: Math.min(batchSize, Math.max(fewest, 2 ** Math.ceil(Math.log2(part.length)))),
      };
    }),
  );
}

/** The next of 4, 6, 8, 12, 16, 24, 32, 48, 64 …: less than a third of a longer one is padding. */
function roundedLength(count: number): number {
  const power = Math.max(4, 2 ** Math.ceil(Math.log2(count)));
  return power > 4 && count <= 0.75 * power ? 0.75 * power : power;
}
