/** CLIPs that lie next to the studio. */
import { readClipFiles } from '../../checkpoint/browser.ts';
import { readTokenizer } from '../../data/browser.ts';
import { openClipEncoder, type ClipEncoder } from '../../pipelines/index.ts';
import type { StudioDevice } from './device.ts';
import { openEngine } from './open-engine.ts';
import { openedOnce } from './opened-once.ts';
import { studioFiles } from './studio-files.ts';

/** A CLIP that is ready to be asked. */
export interface OpenClip {
  readonly encoder: ClipEncoder;
  /** What it runs on, for people. */
  readonly device: string;
}

/** Images and texts that are embedded together: few, since those of a page are few. */
const together = 8;
const open = openedOnce<OpenClip>();

/**
 * Opens a CLIP once.
 *
 * @param name     its folder below `models/`, or an address
 * @param onBytes  called as its files come: how many bytes
 * @throws one line if it is not there, is no whole CLIP, or has no tokenizer
 */
export function openClipModel(name: string, device: StudioDevice, onBytes: (bytes: number) => void): Promise<OpenClip> {
  return open(`${name} ${device}`, async () => {
    const files = await studioFiles(name, onBytes);
    const [executor, clip] = await Promise.all([openEngine(device), readClipFiles(files)]);
    if (clip.tokenizer === null)
      throw new Error(`${files.name('')}: has no tokenizer.json; put that of the model next to its weights`);
    const tokenizer = readTokenizer(clip.tokenizer, files.name('tokenizer.json'));
    return { encoder: openClipEncoder(executor, { ...clip, tokenizer, batchSize: together }), device: executor.device };
  });
}
