/** Models that a server keeps for itself. */
import { get } from 'svelte/store';
import { listedModel } from '../engine/studio-models.ts';
import { language, withValues } from '../shell/language.ts';
import { modelWords } from '../words/model.ts';

/** @throws one line if the server does not send a model to browsers, for its size */
export async function checkSize(name: string): Promise<void> {
  const listed = await listedModel(name);
  if (listed?.computes !== 'server') return;
  const megabytes = Math.ceil(listed.bytes / 1e6);
  throw new Error(withValues(modelWords.tooLarge[get(language)], { name, bytes: megabytes, limit: megabytes + 1 }));
}
