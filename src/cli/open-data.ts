import { openDataset, type Dataset } from '../data/index.ts';
import { decodingProgress } from './decoding-progress.ts';
import { describeSkipped } from './describe-skipped.ts';

/** Opens a data set with a progress display, and says what a person should know of it: what is left out, and that a split is read, not all. */
export async function openData(source: string, options: Parameters<typeof openDataset>[1]): Promise<Dataset> {
  const dataset = await openWithProgress(source, options);
  for (const note of dataset.notes) process.stderr.write(`note: ${source}: ${note}\n`);
  const left = describeSkipped(dataset.skipped);
  if (left !== undefined) process.stderr.write(`${left}\n`);
  return dataset;
}

/** Opens a data set with a progress display. */
export async function openWithProgress(source: string, options: Parameters<typeof openDataset>[1]): Promise<Dataset> {
  const { onProgress, stop } = decodingProgress();
  try {
    return await openDataset(source, { onProgress, ...options });
  } finally {
    stop();
  }
}
