/** Classes from their names alone: CLIP's zero-shot classifier, and the images nearest to a text. */
import { float32, type FloatArray } from '../core/index.ts';
import { fillTemplate, plainTemplates, templateProblem, checkDistinct } from '../data/browser.ts';
import type { ClipEncoder } from './clip-encoder.ts';

/** One of the answers to a question. */
export interface Ranked {
  /** Its place in the list that was asked about. */
  readonly index: number;
  /** The cosine with what was asked. */
  readonly cosine: number;
}

/** One of the labels of an image. */
export interface RankedLabel extends Ranked {
  readonly label: string;
  /** Of all labels, softmax of the scaled cosines. */
  readonly probability: number;
}

/** Classifies an image by the nearest label. */
export interface ZeroShotClassifier {
  readonly labels: readonly string[];
  /** [L, D], unit vectors. */
  readonly weights: FloatArray;
  /** Texts that were longer than the model reads. */
  readonly truncated: number;
  /**
   * The best labels of each image, best first.
   *
   * @param embeddings  [N, D], unit vectors
   */
  classify(embeddings: FloatArray, top?: number): RankedLabel[][];
}

/** Options of `zeroShotClassifier`. */
export interface ZeroShotClassifierOptions {
  /** [L] further words for each label: every sentence is said once with each of them, `a red heart, love`; without any, alone. */
  readonly tags?: readonly (readonly string[])[];
}

/**
 * A classifier from labels: each label's vector is the mean of the unit vectors of all its sentences, made a unit vector
 * again; an image has the label whose vector is nearest.
 *
 * @param templates  sentences with `{}` for the label; default the label alone
 * @throws if there is no label, one is empty, two are the same tokens, a template has no `{}`, tags are not as many as labels, or the encoder has no scale
 * @see Radford et al. 2021, section 3.1.4 — https://arxiv.org/abs/2103.00020
 * @example
 * import { readClipFolder, resolveModel } from 'kuosan/checkpoint';
 * import { readTokenizer } from 'kuosan/data';
 * import { openClipEncoder, zeroShotClassifier } from 'kuosan/pipelines';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const clip = await readClipFolder(await resolveModel('emoji-clip', { kind: 'clip' }));
 * const executor = createNodeExecutor();
 * const encoder = openClipEncoder(executor, { ...clip, tokenizer: readTokenizer(clip.tokenizer, 'emoji-clip'), batchSize: 4 });
 * const classifier = await zeroShotClassifier(encoder, ['cat', 'heart'], ['a {}', 'a photo of a {}']);
 * const { embeddings } = await encoder.embedTexts(['a red heart']); // image embeddings of embedImages do the same
 * console.log(classifier.classify(embeddings)[0]![0]!.label); // heart
 * await executor.dispose();
 */
export async function zeroShotClassifier(
  clip: Pick<ClipEncoder, 'embedTexts' | 'tokenizer' | 'contextLength' | 'scale' | 'dim'>,
  labels: readonly string[],
  templates: readonly string[] = plainTemplates,
  { tags }: ZeroShotClassifierOptions = {},
): Promise<ZeroShotClassifier> {
  checkLabels(clip, labels, templates);
  if (tags && tags.length !== labels.length)
    throw new Error(`zeroShotClassifier: ${labels.length} labels, and tags of ${tags.length}`);
  const { scale } = clip;
  if (scale === undefined)
    throw new Error(
      'zeroShotClassifier: the encoder does not know its scale, since its weights are in a store; give e^logit_scale: zeroShotClassifier({ ...encoder, scale }, …)',
    );
  const sums = new Float64Array(labels.length * clip.dim);
  let truncated = 0;
  for (const template of templates) {
    const said = labels.flatMap((label, l) => {
      const sentence = fillTemplate(template, label);
      return tags?.[l]?.length ? tags[l].map((tag) => ({ l, sentence: `${sentence}, ${tag}` })) : [{ l, sentence }];
    });
    const { embeddings, truncated: cut } = await clip.embedTexts(said.map(({ sentence }) => sentence));
    truncated += cut;
    said.forEach(({ l }, row) => {
      for (let d = 0; d < clip.dim; d++) sums[l * clip.dim + d]! += embeddings.data[row * clip.dim + d]!;
    });
  }
  const weights = float32([labels.length, clip.dim], unitRows(sums, clip.dim));
  return {
    labels,
    weights,
    truncated,
    classify(embeddings, top = 5) {
      return cosineRows(embeddings, weights, (cosines) => {
        const best = nearestOf(cosines, top);
        const largest = best[0]!.cosine;
        let total = 0;
        for (const cosine of cosines) total += Math.exp(scale * (cosine - largest));
        return best.map((each) => ({
          ...each,
          label: labels[each.index]!,
          probability: Math.exp(scale * (each.cosine - largest)) / total,
        }));
      });
    },
  };
}

/**
 * What `zeroShotClassifier` checks before it computes.
 *
 * @throws as it does
 */
export function checkLabels(
  { tokenizer, contextLength }: Pick<ClipEncoder, 'tokenizer' | 'contextLength'>,
  labels: readonly string[],
  templates: readonly string[],
): void {
  if (labels.length === 0) throw new Error('zeroShotClassifier: no labels');
  const empty = labels.findIndex((label) => label.trim() === '');
  if (empty >= 0) throw new Error(`zeroShotClassifier: label ${empty + 1} is empty`);
  if (templates.length === 0) throw new Error('zeroShotClassifier: no templates');
  const problem = templateProblem(templates);
  if (problem !== undefined) throw new Error(`zeroShotClassifier: the template ${problem}`);
  checkDistinct(tokenizer, labels, 'label', contextLength);
  // A long template would cut all labels off.
  for (const template of templates)
    checkDistinct(
      tokenizer,
      labels.map((label) => fillTemplate(template, label)),
      'sentence',
      contextLength,
    );
}

/**
 * The share of images whose own label is among the best.
 *
 * @param ranked  for each image its labels, best first
 * @param right   the label of each
 */
export function zeroShotAccuracy(
  ranked: readonly (readonly RankedLabel[])[],
  right: readonly string[],
  top: number,
): number {
  return ranked.filter((row, i) => row.slice(0, top).some(({ label }) => label === right[i])).length / ranked.length;
}

/**
 * The group of labels with the most probability together; of equal ones that of the better label.
 *
 * @param ranked   all labels of an image, best first
 * @param groupOf  [L] the group of each label
 * @throws if there is no label
 */
export function likeliestGroup(ranked: readonly RankedLabel[], groupOf: readonly string[]): string {
  if (ranked.length === 0) throw new Error('likeliestGroup: no labels');
  const sums = new Map<string, number>();
  for (const { index, probability } of ranked)
    sums.set(groupOf[index]!, (sums.get(groupOf[index]!) ?? 0) + probability);
  return [...sums].reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

function unitRows(rows: Float64Array, dim: number): Float32Array {
  const out = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += dim) {
    const row = rows.subarray(start, start + dim);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0)) || 1;
    row.forEach((value, i) => {
      out[start + i] = value / length;
    });
  }
  return out;
}

/**
 * For each question the nearest answers, nearest first, of equally near ones the first.
 *
 * @param questions  [Q, D], unit vectors
 * @param answers    [A, D], unit vectors
 * @returns          Q lists of at most `top`
 * @throws if questions and answers differ in D
 */
export function rank(questions: FloatArray, answers: FloatArray, top: number): Ranked[][] {
  return cosineRows(questions, answers, (cosines) => nearestOf(cosines, top));
}

/** What is made of each question's cosines with all answers; they are overwritten by the next one's. */
function cosineRows<T>(questions: FloatArray, answers: FloatArray, made: (cosines: Float64Array) => T): T[] {
  const [count = 0, dim = 0] = questions.shape;
  const [total = 0, answerDim = 0] = answers.shape;
  if (dim !== answerDim)
    throw new Error(
      `rank: vectors of ${dim} and of ${answerDim} numbers cannot be compared; embed both with one model`,
    );
  const cosines = new Float64Array(total);
  return Array.from({ length: count }, (_, q) => {
    for (let a = 0; a < total; a++) {
      let sum = 0;
      for (let i = 0; i < dim; i++) sum += questions.data[q * dim + i]! * answers.data[a * dim + i]!;
      cosines[a] = sum;
    }
    return made(cosines);
  });
}

/** Beyond this many, sorting all is as fast as keeping the best in order. */
const fewBest = 32;

/** The places of the largest, largest first, of equal ones the first. */
function nearestOf(cosines: Float64Array, top: number): Ranked[] {
  if (top > fewBest)
    return Array.from(cosines, (cosine, index) => ({ index, cosine }))
      .sort((a, b) => b.cosine - a.cosine || a.index - b.index)
      .slice(0, top);
  const best: Ranked[] = [];
  for (const [index, cosine] of cosines.entries()) {
    if (best.length === top && cosine <= best[top - 1]!.cosine) continue;
    let place = best.length;
    while (place > 0 && best[place - 1]!.cosine < cosine) place--;
    best.splice(place, 0, { index, cosine });
    if (best.length > top) best.pop();
  }
  return best;
}
