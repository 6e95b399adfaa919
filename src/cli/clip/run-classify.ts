import { readText } from '../../files/read-text.ts';
import type { ClipEncoder } from '../../pipelines/clip-encoder.ts';
import { checkLabels, zeroShotClassifier, type ZeroShotClassifier } from '../../pipelines/zero-shot.ts';
import { sayTruncated, withClip, type ClipOptions } from './open-clip.ts';
import { templatesOption, UsageError } from '../options.ts';
import type { StartedEngine } from '../with-engine.ts';

/** The options of `kuosan classify`. */
export interface ClassifyOptions extends ClipOptions {
  readonly labels: string;
  readonly template: readonly string[];
  readonly top: number;
  readonly json: boolean;
}

/** Prints a line for each image: its path and the best labels with their probabilities, or a JSON object of the same. */
export async function runClassify(
  source: string,
  { labels: list, template, top, json, ...options }: ClassifyOptions,
  engine: StartedEngine,
  print: (line: string) => void,
): Promise<void> {
  const labels = await readLabels(list);
  const templates = templatesOption(template);
  await withClip(source, options, engine, async ({ encoder, embed }) => {
    // What is wrong with labels is known before many images are embedded. The towers get ready side by side.
    checkLabels(encoder, labels, templates);
    const [classifier, { files, embeddings }] = await Promise.all([
      readyClassifier(encoder, labels, templates),
      embed(),
    ]);
    for (const [i, ranked] of classifier.classify(embeddings, top).entries()) {
      if (json)
        print(
          JSON.stringify({
            file: files[i],
            labels: ranked.map(({ label, probability, cosine }) => ({ label, probability, cosine })),
          }),
        );
      else
        print(
          `${files[i]}: ${ranked.map(({ label, probability }) => `${label} ${(100 * probability).toFixed(1)} %`).join(' · ')}`,
        );
    }
  });
}

async function readyClassifier(
  encoder: ClipEncoder,
  labels: readonly string[],
  templates: readonly string[],
): Promise<ZeroShotClassifier> {
  const classifier = await zeroShotClassifier(encoder, labels, templates);
  sayTruncated(classifier.truncated, encoder.contextLength);
  return classifier;
}

async function readLabels(list: string): Promise<string[]> {
  const text = list.toLowerCase().endsWith('.txt') ? await readLabelFile(list) : list.replaceAll(',', '\n');
  const labels = text
    .split('\n')
    .map((label) => label.trim())
    .filter((label) => label !== '');
  if (labels.length === 0) throw new UsageError(`--labels: there is no label in ${JSON.stringify(list)}`);
  return labels;
}

async function readLabelFile(path: string): Promise<string> {
  const text = await readText(path);
  if (typeof text !== 'string')
    throw new Error(
      `--labels: cannot read ${JSON.stringify(path)} (${text.reason}); give labels separated by commas, or a file in UTF-8 with one on each line`,
    );
  return text;
}
