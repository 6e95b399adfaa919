import { readFile } from 'node:fs/promises';
import type { ClipEncoder } from '../pipelines/clip-encoder.ts';
import { checkLabels, zeroShotClassifier, type ZeroShotClassifier } from '../pipelines/zero-shot.ts';
import { sayTruncated, withClip, type ClipOptions } from './open-clip.ts';
import { checkTemplates, UsageError } from './options.ts';
import type { Engine } from './with-engine.ts';

/** The options of `kuosan classify`. */
export interface ClassifyOptions extends ClipOptions {
  readonly labels: string;
  readonly template: readonly string[];
  readonly top: number;
}

/** Prints a line for each picture: its path and the best labels with their probabilities. */
export async function classifyPictures(source: string, { labels: list, template, top, ...options }: ClassifyOptions, engine: Engine, print: (line: string) => void): Promise<void> {
  const labels = await readLabels(list);
  checkTemplates(template);
  await withClip(source, options, engine, async ({ encoder, embed }) => {
    const templates = template.length === 0 ? ['{}'] : template;
    // What is wrong with labels is known before many pictures are embedded. The towers get ready side by side.
    checkLabels(encoder, labels, templates);
    const [classifier, { files, embeddings }] = await Promise.all([readyClassifier(encoder, labels, templates), embed()]);
    for (const [i, ranked] of classifier.classify(embeddings, top).entries()) {
      print(`${files[i]}: ${ranked.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(' · ')}`);
    }
  });
}

async function readyClassifier(encoder: ClipEncoder, labels: readonly string[], templates: readonly string[]): Promise<ZeroShotClassifier> {
  const classifier = await zeroShotClassifier(encoder, labels, templates);
  sayTruncated(classifier.truncated, encoder.contextLength);
  return classifier;
}

async function readLabels(list: string): Promise<string[]> {
  const text = list.toLowerCase().endsWith('.txt') ? await readFile(list, 'utf8').catch((error: Error) => { throw new Error(`--labels: cannot read ${JSON.stringify(list)} (${error.message.split(',')[0]}); give labels separated by commas, or a file with one on each line`, { cause: error }); }) : list.replaceAll(',', '\n');
  const labels = text.split('\n').map((label) => label.trim()).filter((label) => label !== '');
  if (labels.length === 0) throw new UsageError(`--labels: there is no label in ${JSON.stringify(list)}`);
  return labels;
}
