/** SwiftShader, a GPU in software that comes with Chromium: the way of GPUs, tested where there is none. */
import { existsSync } from 'node:fs';
import { dirname } from 'node:path';

const places = ['/usr/lib/chromium/vk_swiftshader_icd.json', '/usr/lib/chromium-browser/vk_swiftshader_icd.json'];
const found = places.find((path) => existsSync(path));

/** The environment of a process that finds this GPU and no other; undefined where Chromium is not installed. */
export const swiftShader: Readonly<Record<string, string>> | undefined =
  found && process.platform === 'linux'
    ? // Chromium brings the loader too, for machines without one.
      { VK_ICD_FILENAMES: found, LD_LIBRARY_PATH: dirname(found) }
    : undefined;

/** For the titles of tests that need it. */
export const skipped = swiftShader ? '' : ' (skipped: needs SwiftShader of Chromium, Debian package chromium)';
