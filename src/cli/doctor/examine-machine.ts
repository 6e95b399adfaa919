import { constants } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import { availableParallelism, cpus, freemem, totalmem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { defaultCacheDir, noCacheDir } from '../../files/default-cache-dir.ts';
import type { Finding } from './finding.ts';

const GiB = 2 ** 30;

/** A training run of 32-pixel images takes about this much, of memory and on disk. */
const comfortable = 1.5 * GiB;

/** The machine as Node sees it. */
export async function examineMachine(): Promise<Finding[]> {
  return [
    examineProcessor(),
    examineMemory(),
    { name: 'Node.js', status: 'ok', text: process.versions.node },
    await examineSharp(),
    ...(await examineDisks()),
    examineTerminal(),
  ];
}

function examineProcessor(): Finding {
  const threads = availableParallelism();
  const model = cpus()[0]?.model.replaceAll(/\s+/g, ' ').trim() || 'unnamed';
  return { name: 'processor', status: 'ok', text: `${model}, ${threads} ${threads === 1 ? 'thread' : 'threads'}` };
}

function examineMemory(): Finding {
  // A container may have less than the machine; without a limit the number is larger than any memory, or 0.
  const limit = process.constrainedMemory();
  const total = limit > 0 ? Math.min(limit, totalmem()) : totalmem();
  const free = Math.min(freemem(), total);
  const text = `${size(total)}, ${size(free)} free`;
  return free >= comfortable
    ? { name: 'memory', status: 'ok', text }
    : {
        name: 'memory',
        status: 'limited',
        text,
        remedy: `training takes about ${size(comfortable)}; take a smaller --batch-size`,
      };
}

async function examineSharp(): Promise<Finding> {
  const name = 'images';
  try {
    const { default: sharp } = await import('sharp');
    return { name, status: 'ok', text: `sharp ${sharp.versions.sharp}, libvips ${sharp.versions.vips}` };
  } catch (error) {
    return {
      name,
      status: 'missing',
      text: `sharp does not load: ${(error as Error).message.split('\n')[0]}`,
      remedy: `npm install --cpu=${process.arch} --os=${process.platform} sharp`,
    };
  }
}

async function examineDisks(): Promise<Finding[]> {
  return [
    await examineDisk('cache', defaultCacheDir(), 'set KUOSAN_CACHE to another folder'),
    await examineDisk('this folder', process.cwd(), '--out can be in any folder'),
  ];
}

async function examineDisk(name: string, folder: string | undefined, hint: string): Promise<Finding> {
  if (folder === undefined) return { name, status: 'limited', text: `none: ${noCacheDir}`, remedy: hint };
  const existing = await nearestExisting(resolve(folder));
  const writable = await access(existing, constants.W_OK).then(
    () => true,
    () => false,
  );
  if (!writable) return { name, status: 'missing', text: `${folder}: cannot be written`, remedy: hint };
  const { bavail, bsize } = await statfs(existing);
  const free = bavail * bsize;
  const text = `${folder}: ${size(free)} free`;
  return free >= comfortable ? { name, status: 'ok', text } : { name, status: 'limited', text, remedy: hint };
}

/** The folder itself, or the one it would be made in. */
async function nearestExisting(folder: string): Promise<string> {
  return access(folder).then(
    () => folder,
    () => (dirname(folder) === folder ? folder : nearestExisting(dirname(folder))),
  );
}

function examineTerminal(): Finding {
  const name = 'terminal';
  if (process.env['NO_COLOR'])
    return { name, status: 'limited', text: 'NO_COLOR is set: no images in the terminal', remedy: 'unset NO_COLOR' };
  if (!process.stderr.isTTY) return { name, status: 'ok', text: 'none: output goes into a file or another program' };
  const columns = process.stderr.columns || 80;
  return /truecolor|24bit/.test(process.env['COLORTERM'] ?? '')
    ? { name, status: 'ok', text: `images in true color, ${columns} columns` }
    : {
        name,
        status: 'limited',
        text: `images in 256 colors, ${columns} columns`,
        remedy: 'a terminal that sets COLORTERM=truecolor shows them better',
      };
}

/** `23 GiB`, `1.5 GiB`, `800 MiB`. */
function size(bytes: number): string {
  if (bytes < GiB) return `${Math.round(bytes / 2 ** 20)} MiB`;
  return `${(bytes / GiB).toPrecision(bytes < 10 * GiB ? 2 : Math.ceil(Math.log10(bytes / GiB + 1)))} GiB`;
}
