/** What the version before the seams wrote goes on as it would have there: every kind of run is opened, resumed and sampled. */
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { checksum } from '../src/checkpoint/checksum.ts';
import { loadModel, readTensorFile } from '../src/checkpoint/index.ts';
import { createInterpreter, float32, type FloatArray } from '../src/core/index.ts';
import { classConditions } from '../src/diffusion/index.ts';
import {
  sampleImages,
  enlarge,
  exactSampler,
  finishedImages,
  inpaintImage,
  interpolateSeeds,
  openSampler,
  shrink,
  varyImage,
  type SampleOptions,
} from '../src/pipelines/index.ts';
import { configuredRun } from '../src/systems/index.ts';
import { trainingRun } from '../src/train/index.ts';

const golden = fileURLToPath(new URL('golden/before-seams/', import.meta.url));
// Its numbers are the same on every machine.
const executor = createInterpreter();
const root = mkdtempSync(join(tmpdir(), 'kuosan-before-seams-'));
cpSync(golden, root, { recursive: true });
afterAll(() => rmSync(root, { recursive: true, force: true }));

interface Result {
  /** The tensors of step 4, by file. */
  readonly checkpoint: Readonly<Record<string, string>>;
  /** What is sampled from it, in every way. */
  readonly samples: Readonly<Record<string, string>>;
  /** Of its four steps. */
  readonly losses: readonly number[];
}
const results = JSON.parse(readFileSync(join(root, 'results.json'), 'utf8')) as Readonly<Record<string, Result>>;

const short = (text: string) => text.slice(0, 16);
const hash = ({ shape, data }: FloatArray) =>
  short(
    createHash('sha256')
      .update(shape.join())
      .update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
      .digest('hex'),
  );

/** Goes on from step 2 to step 4, on the images where they lie now. */
async function resumed(kind: string): Promise<number[]> {
  const out = join(root, kind);
  const file = join(out, 'run.json');
  const record = JSON.parse(readFileSync(file, 'utf8')) as { config: { data: { source: string } } };
  record.config.data.source = join(root, 'images');
  writeFileSync(file, JSON.stringify(record));
  const plan = await configuredRun(record.config).plan({ resumeFrom: out });
  const losses: number[] = [];
  for await (const event of trainingRun(plan, { out, executor, resume: true }))
    if (event.type === 'step') losses.push(event.loss);
  return losses;
}

/** Samples of a checkpoint in every way. */
async function samples(dir: string): Promise<Record<string, string>> {
  const { network: unet, scheduler, weights, classes, superResolution } = await loadModel(dir);
  const nullLabel = classes?.nullClass;
  const sampler = await openSampler(executor, {
    network: unet,
    scheduler,
    weights,
    ...(typeof nullLabel === 'number' && { nothing: classConditions([nullLabel]) }),
    batchSize: 2,
  });
  const image = float32(
    [3, 8, 8],
    Float32Array.from({ length: 192 }, (_, i) => Math.sin(i)),
  );
  const whole = float32(
    [3, 3, 8, 8],
    Float32Array.from({ length: 576 }, (_, i) => Math.sin(i)),
  );
  // What that version took when nobody said.
  const own = scheduler.process === undefined ? 'ddpm' : ({ flow: 'euler', edm: 'heun' } as const)[scheduler.process];
  const asked: SampleOptions = {
    seed: 5,
    count: 3,
    sampler: own,
    steps: 3,
    conditions: {
      ...(classes && classConditions([0, 1, 0])),
      ...(superResolution && { image: enlarge(shrink(whole, 2), superResolution) }),
    },
  };
  const ways: Record<string, FloatArray> = {
    usual: await sampleImages(sampler, asked),
    ddim: await sampleImages(sampler, { ...asked, sampler: 'ddim', eta: 0.5 }),
    'dpmpp-2m': await sampleImages(sampler, { ...asked, sampler: 'dpmpp-2m' }),
    first: await sampleImages(sampler, { ...asked, first: 7, sampler: 'heun' }),
  };
  if (typeof nullLabel === 'number') {
    ways['guided'] = await sampleImages(sampler, {
      ...asked,
      guidanceScale: 2,
      guidanceRescale: 0.5,
      guidanceInterval: [0, 5],
    });
    ways['thresholded'] = await sampleImages(sampler, { ...asked, guidanceScale: 3, dynamicThresholding: {} });
  }
  if (!superResolution) {
    ways['varied'] = await finishedImages(varyImage(sampler, { ...asked, image, strength: 0.5 }));
    ways['between'] = await finishedImages(
      interpolateSeeds(sampler, {
        steps: 3,
        sampler: 'ddim',
        seeds: [1, 2],
        frames: 3,
        ...(classes && { conditions: classConditions([1]) }),
      }),
    );
    ways['inpainted'] = await finishedImages(
      inpaintImage(sampler, {
        ...asked,
        steps: 4,
        image,
        mask: float32(
          [1, 8, 8],
          Float32Array.from({ length: 64 }, (_, i) => (i < 32 ? 1 : 0)),
        ),
        jumpLength: 2,
        resamples: 2,
      }),
    );
    ways['exact'] = await sampleImages(exactSampler({ images: whole, scheduler, batchSize: 2 }), {
      seed: 5,
      count: 3,
      sampler: own,
      steps: 3,
    });
  }
  await sampler.dispose();
  return Object.fromEntries(Object.entries(ways).map(([way, x]) => [way, hash(x)]));
}

describe('a run of the version before the seams', () => {
  test.each(Object.keys(results))(
    '%s: resumes to the same weights, and samples the same bytes',
    async (kind) => {
      const expected = results[kind]!;
      expect(await resumed(kind)).toEqual(expected.losses.slice(2));
      const last = join(root, kind, 'checkpoints/step-000004');
      const files = readdirSync(last, { recursive: true, encoding: 'utf8' })
        .filter((file) => file.endsWith('.safetensors'))
        .sort();
      const tensors: Record<string, string> = {};
      for (const file of files) tensors[file] = short(checksum(await readTensorFile(join(last, file))));
      expect(tensors).toEqual(expected.checkpoint);
      if (Object.keys(expected.samples).length > 0) expect(await samples(last)).toEqual(expected.samples);
    },
    60_000,
  );
});
