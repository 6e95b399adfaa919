/** Generators that lie next to the studio: whatever makes images, with all its stages. */
import { openGenerator, type ImageGenerator } from '../../generators/index.ts';
import type { StudioDevice } from './device.ts';
import { openEngine } from './open-engine.ts';
import { openedOnce } from './opened-once.ts';
import { studioFiles } from './studio-files.ts';

const open = openedOnce<ImageGenerator>();

/**
 * Opens a generator once, for one image at a time.
 *
 * @param name     its folder below `models/`, or an address
 * @param onBytes  called as its files come: how many bytes
 * @throws one line if it is not there, or makes no images
 */
export function openStudioGenerator(
  name: string,
  device: StudioDevice,
  onBytes: (bytes: number) => void,
): Promise<ImageGenerator> {
  return open(`${name} ${device}`, async () => {
    const files = await studioFiles(name, onBytes);
    return openGenerator(await openEngine(device), files, { batchSize: 1 });
  });
}
