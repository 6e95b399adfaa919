/** Where a CLIP's vocabulary comes from: the checkpoint that it goes on from, the model that it begins with, a file, or its captions. */
import { join } from 'node:path';
import { readJsonFile } from '../files/json-file.ts';
import { type JsonObject } from '../formats/json-object.ts';
import { latestCheckpoint } from '../checkpoint/index.ts';
import { readTokenizer, trainTokenizer, type Tokenizer } from '../data/index.ts';
import type { ClipConfig } from './clip-config.ts';

/** A vocabulary to train with. */
export interface ClipTokenizer {
  readonly tokenizer: Tokenizer;
  /** The content of its `tokenizer.json`. */
  readonly json: JsonObject;
}

/**
 * The tokenizer of a run.
 *
 * A run that goes on has its checkpoint's, whose tokens its weights are of: another version of this library, or a file that was changed
 * since, must not give it others. One that begins with a trained model has that model's, for the same reason.
 *
 * @param words       what a vocabulary is learned from
 * @param resumeFrom  the folder of the run that goes on, if it does
 * @param start       finds the folder of the model that it begins with, if it does; not asked of a run that goes on
 * @throws one line that names the file, if it cannot be read or is no tokenizer
 */
export async function clipTokenizer(
  settings: ClipConfig['tokenizer'],
  words: Iterable<string>,
  {
    resumeFrom,
    start: findStart,
  }: { readonly resumeFrom?: string | undefined; readonly start: () => Promise<string | undefined> },
): Promise<ClipTokenizer> {
  const latest = resumeFrom === undefined ? null : await latestCheckpoint(resumeFrom);
  if (latest) return readFrom(join(latest.path, 'tokenizer.json'), 'checkpoint');
  const start = await findStart();
  if (start !== undefined) {
    if ('file' in settings)
      throw new Error(
        `config.tokenizer.file: the vocabulary is that of config.train.init (${start}); leave the file out`,
      );
    return readFrom(join(start, 'tokenizer.json'), 'config.train.init');
  }
  if ('file' in settings) return readFrom(settings.file, 'config.tokenizer.file');
  const { json } = trainTokenizer(words, settings);
  return { json, tokenizer: readTokenizer(json, 'the tokenizer of the captions') };
}

async function readFrom(path: string, what: string): Promise<ClipTokenizer> {
  const where = `${what} ${path}`;
  const json = await readJsonFile(path, where);
  return { json, tokenizer: readTokenizer(json, where) };
}
