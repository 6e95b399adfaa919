/** The command line as a user has it: a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { join } from 'node:path';
import { mkdir } from 'node:fs/promises';
import { RandomStream } from '../src/core/index.ts';
import { filesBelow, root } from './source-files.ts';

/**
 * How Node starts `kuosan`: what `npm run build` built where it is as new as the sources, as in CI, else the sources. Built, it
 * starts in a quarter of a second, and there are hundreds of starts.
 */
export const kuosanProgram: readonly string[] = isBuilt()
  ? [join(root, 'dist/cli/main.js')]
  : ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))];

function isBuilt(): boolean {
  const built = join(root, 'dist/cli/main.js');
  if (!existsSync(built) || !existsSync(join(root, 'dist/web-page/index.html'))) return false;
  const { mtimeMs } = statSync(built);
  return filesBelow('src', '.ts')
    .filter((path) => !path.endsWith('.test.ts'))
    .every((path) => statSync(join(root, path)).mtimeMs < mtimeMs);
}

export interface Place {
  /** The current folder of the command. */
  readonly cwd: string;
  /** Environment variables in the place of this process's own. */
  readonly env?: NodeJS.ProcessEnv | undefined;
}

export interface Ended {
  /** The exit status, or the name of the signal that ended it. */
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts `kuosan …` and returns the process next to its end. */
export function start(
  args: readonly string[],
  { cwd, env = process.env }: Place,
): { readonly child: ChildProcess; readonly ended: Promise<Ended> } {
  const child = spawn(process.execPath, [...kuosanProgram, ...args], {
    cwd,
    // On the processor, whatever card this machine has: bytes are compared.
    env: { ...env, KUOSAN_CACHE: join(cwd, '.cache'), KUOSAN_DEVICE: 'cpu' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += String(text);
  });
  child.stderr.on('data', (text) => {
    stderr += String(text);
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ status: code ?? signal!, stdout, stderr }));
  });
  return { child, ended };
}

/** Runs `kuosan …` to its end. */
export async function kuosan(args: readonly string[], place: Place): Promise<Ended> {
  return start(args, place).ended;
}

/** Makes a folder of small images, each with a color and a square of its own. */
export async function writeImageFolder(folder: string, count: number, size = 8): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (let i = 0; i < count; i++) {
    const random = new RandomStream(1, 'test picture', i);
    const color = () => ({ r: random.integer(256), g: random.integer(256), b: random.integer(256) });
    const square = { create: { width: size / 2, height: size / 2, channels: 3, background: color() } } as const;
    const at = { left: random.integer(size / 2), top: random.integer(size / 2) };
    await sharp({ create: { width: size, height: size, channels: 3, background: color() } })
      .composite([{ input: await sharp(square).png().toBuffer(), ...at }])
      .png()
      .toFile(join(folder, `${String(i).padStart(3, '0')}.png`));
  }
}

/** Draws a mask: black, with the given part of its rows at the bottom white. */
export async function writeMask(path: string, size: number, white = 0): Promise<void> {
  const pixels = Uint8Array.from({ length: size * size }, (_, i) => (i >= size * size * (1 - white) ? 255 : 0));
  await sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
    .png()
    .toFile(path);
}

/** A network that compiles in half a second and trains in milliseconds: 8×8 pixels, one level, attention; 16 channels are a block of the fast kernels. */
export const tinyModel = {
  sampleSize: 8,
  blockOutChannels: [16],
  layersPerBlock: 1,
  downBlockTypes: ['AttnDownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  normNumGroups: 4,
  attentionHeadDim: null,
  addAttention: false,
} as const;
