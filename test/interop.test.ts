import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readModelFolder } from '../src/checkpoint/index.ts';
import type { FloatArray } from '../src/core/index.ts';
import { classConditions, type SuperResolution } from '../src/diffusion/index.ts';
import { readSafetensors } from '../src/formats/index.ts';
import { sampleImages, enlarge, openSampler } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import {
  interopCases,
  interopFolder,
  interopSeed,
  type InteropRun,
  smallImages,
  writeInterop,
} from './golden/interop-folders.ts';

interface Described {
  readonly labels: readonly number[] | null;
  readonly upsampling: SuperResolution['upsampling'] | null;
  readonly runs: readonly InteropRun[];
}

const described = (side: string) =>
  JSON.parse(readFileSync(join(interopFolder, `${side}.json`), 'utf8')) as Readonly<Record<string, Described>>;
const images = readSafetensors(readFileSync(join(interopFolder, 'pictures.safetensors'))).tensors;
const runs = ['ours', 'theirs'].flatMap((side) =>
  Object.entries(described(side)).flatMap(([name, { labels, upsampling, runs: list }]) =>
    list.map((run, i) => ({
      key: `${side}/${name}/${i}`,
      folder: join(interopFolder, side, name),
      labels,
      upsampling,
      run,
    })),
  ),
);

const scratch = mkdtempSync(join(tmpdir(), 'kuosan-interop-'));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await executor.dispose();
});

/** The files under a folder, by their paths in it. */
function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(folder, name)).isFile())
    .map((name) => relative('.', name))
    .sort();
}

describe("images that diffusers' unet and scheduler draw with our noise are those that we draw", () => {
  test.each(runs)('$key: $run.scheduler, $run.steps steps', async ({ key, folder, labels, upsampling, run }) => {
    const { network: unet, scheduler, weights } = await readModelFolder(folder);
    const sampler = await openSampler(executor, { network: unet, scheduler, weights, batchSize: 2 });
    const { sampler: name, steps, spacing, eta } = run;
    const ours = await sampleImages(sampler, {
      seed: interopSeed,
      count: 2,
      sampler: name,
      steps,
      spacing,
      eta,
      conditions: {
        ...(labels && classConditions(labels)),
        ...(upsampling && { image: enlarge(smallImages, { factor: 2, upsampling }) }),
      },
    });
    await sampler.dispose();
    const theirs = images.get(key) as FloatArray;
    expect(ours.shape).toEqual(theirs.shape);
    // Both compute in float32, and diffusers also its schedule; an image has values of order 1. Found are 1e-5.
    expect(Math.max(...ours.data.map((value, i) => Math.abs(value - theirs.data[i]!)))).toBeLessThan(1e-4);
  });

  test('are of every run that is described, and no other', () => {
    expect([...images.keys()].sort()).toEqual(runs.map(({ key }) => key).sort());
  });
});

describe('the folders that diffusers opened', () => {
  beforeAll(() => writeInterop(scratch));

  test.each(interopCases.map(({ name }) => name))('are written today with the same bytes: %s', (name) => {
    const [stored, written] = [join(interopFolder, 'ours', name), join(scratch, 'ours', name)];
    expect(filesOf(written)).toEqual(filesOf(stored));
    for (const file of filesOf(stored))
      expect(readFileSync(join(written, file)).equals(readFileSync(join(stored, file))), file).toBe(true);
  });

  test('and all that belongs to them take at most 600 KB', () => {
    expect(
      filesOf(interopFolder).reduce((sum, file) => sum + statSync(join(interopFolder, file)).size, 0),
    ).toBeLessThan(600_000);
  });

  test('are the cases, sampled with the noise of the seed', () => {
    expect(readdirSync(join(interopFolder, 'ours')).sort()).toEqual(interopCases.map(({ name }) => name).sort());
    for (const file of ['ours.json', 'normals.safetensors', 'small.safetensors'])
      expect(readFileSync(join(scratch, file)).equals(readFileSync(join(interopFolder, file))), file).toBe(true);
  });
});
