/** A folder of things that are whole and things that are broken, and the commands that are held against it. */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect } from 'vitest';
import { writeModelFolder, type ClassLabels } from '../src/checkpoint/index.ts';
import { schedulerConfig, type SchedulerConfig } from '../src/diffusion/index.ts';
import { parseConfig, unet2DConfigSchema, UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { writeImageFolder, writeMask, tinyModel, type Ended } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';

const config = {
  data: { source: 'images', size: 8 },
  model: tinyModel,
  train: { steps: 4, batchSize: 4, checkpointEvery: 2, sampleEvery: null },
};
export const lastStep = 'checkpoints/step-000004';
export const weightsFile = `${lastStep}/unet/diffusion_pytorch_model.safetensors`;
export const configFile = `${lastStep}/unet/config.json`;

/** Runs a command, whose words have no spaces. */
export const run = (command: string): Promise<Ended> => runHere(command.split(' '));

/** A command, its exit status, and its one line. */
export type Case = readonly [command: string, status: 1 | 2, message: string | RegExp];

/** What a file of tests does with them. */
export interface BrokenThings {
  /** The folder, which is the current one. */
  readonly cwd: string;
  readonly at: (...parts: string[]) => string;
  /** A copy of the trained run in which something is changed. */
  readonly copyRun: (name: string, change: () => void) => void;
  /** Holds every command against its message; nothing may be written. */
  readonly expectRefused: (cases: readonly Case[]) => Promise<void>;
}

/** Makes them before the tests of a file: a trained run, data, and what is wrong with copies of them. */
export function brokenThings(): BrokenThings {
  const cwd = workingFolder('errors');
  const at = (...parts: string[]) => join(cwd, ...parts);

  function copyRun(name: string, change: () => void): void {
    cpSync(at('run'), at(name), { recursive: true });
    change();
  }

  function edit(file: string, change: (json: Record<string, unknown>) => unknown): void {
    writeFileSync(at(file), JSON.stringify(change(JSON.parse(readFileSync(at(file), 'utf8')))));
  }

  beforeAll(async () => {
    await writeImageFolder(at('images'), 5);
    await writeImageFolder(at('fakes'), 3);
    await writeImageFolder(at('captioned'), 3);
    writeFileSync(
      at('captioned/metadata.jsonl'),
      '{"file_name":"000.png","text":"a square"}\n{"file_name":"009.png","text":"none"}\n',
    );
    writeFileSync(at('fakes/fake.png'), 'not an image');
    await writeMask(at('small.png'), 4);
    await writeMask(at('black.png'), 8);
    mkdirSync(at('empty'));
    mkdirSync(at('notes'));
    writeFileSync(at('notes/thesis.txt'), 'all of it');
    writeFileSync(at('old.onnx'), 'an export that somebody may still want');
    writeFileSync(at('config.json'), JSON.stringify(config));
    writeFileSync(at('broken.json'), '{\n  "data": { "source": ,\n');
    const trained = await run('train config.json --out run --threads 1');
    if (trained.status !== 0) throw new Error(trained.stderr);
    copyRun('short-weights', () => truncateSync(at('short-weights', weightsFile), 3000));
    copyRun('short-state', () => truncateSync(at('short-state', lastStep, 'training/state.safetensors'), 3000));
    copyRun('flipped', () => {
      const bytes = readFileSync(at('flipped', weightsFile));
      bytes[bytes.length - 5]! ^= 1;
      writeFileSync(at('flipped', weightsFile), bytes);
    });
    writeFileSync(at('random.safetensors'), Buffer.alloc(200, 0xe5));
    const write = async (
      name: string,
      options: object,
      scheduler: Partial<SchedulerConfig>,
      classes: ClassLabels | null = null,
    ) => {
      const unet = new UNet2DModel(parseConfig(unet2DConfigSchema, { ...tinyModel, ...options }, name));
      await writeModelFolder(at(name), {
        network: unet,
        weights: initialValues(unet, 1),
        scheduler: schedulerConfig(scheduler),
        classes,
      });
    };
    await write('unguided', { numClassEmbeds: 2 }, {}, { names: ['round', 'square'], nullClass: null });
    await write('silent', {}, { rescaleBetasZeroSnr: true, predictionType: 'v_prediction' });
    copyRun('wider', () => edit(`wider/${configFile}`, (json) => ({ ...json, block_out_channels: [32] })));
  }, 60_000);

  /** Every path below the folder with its size and time of change. */
  function listing(folder = cwd): Record<string, string> {
    return Object.fromEntries(
      readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((path) => !path.startsWith('.cache'))
        .map((path) => {
          const stats = statSync(join(folder, path));
          return [path, stats.isDirectory() ? 'folder' : `${stats.size} bytes of ${stats.mtimeMs}`];
        }),
    );
  }

  /** Holds every command against its message. */
  async function expectRefused(cases: readonly Case[]): Promise<void> {
    const before = listing();
    for (const [command, status, message] of cases) {
      const ended = await run(command);
      expect(ended.stderr, command).toMatch(/^kuosan: [^\n]+\n$/);
      const line = ended.stderr.slice('kuosan: '.length, -1);
      if (typeof message === 'string') expect(line, command).toBe(message);
      else expect(line, command).toMatch(message);
      expect(ended, command).toMatchObject({ status, stdout: '' });
    }
    expect(listing()).toEqual(before);
  }

  return { cwd, at, copyRun, expectRefused };
}
