/** Training, resuming and sampling of what is not DDPM, by the command line. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSafetensors } from '../src/formats/index.ts';
import { writeImageFolder, tinyModel } from './kuosan.ts';
import { runHere, runOrResume, workingFolder } from './run-here.ts';

const cwd = workingFolder('processes');

const steps = 40;
const train = {
  steps,
  batchSize: 4,
  warmupSteps: 5,
  checkpointEvery: 20,
  sampleEvery: 20,
  sampleCount: 2,
  sampleSteps: 3,
};

beforeAll(() => writeImageFolder(join(cwd, 'images'), 13));

const run = async (...args: string[]) => {
  const ended = await runOrResume([...args, '--threads', '1']);
  expect(ended.status, ended.stderr).toBe(0);
  return ended;
};
const text = (...path: string[]) => readFileSync(join(cwd, ...path)).toString('latin1');
/** What must not depend on interruptions. */
const results = (out: string) =>
  ['unet/diffusion_pytorch_model.safetensors', 'training/state.safetensors'].map((file) =>
    text(out, `checkpoints/step-0000${steps}`, file),
  );
const metrics = (out: string) =>
  text(out, 'metrics.jsonl')
    .trim()
    .split('\n')
    .map((line) => {
      const { imagesPerSecond: _, ...rest } = JSON.parse(line) as Record<string, unknown>;
      return rest;
    });

describe.each([
  [
    'flow',
    { scheduler: { process: 'flow', shift: 2 } },
    'FlowMatchEulerDiscreteScheduler',
    'dpmpp-2m',
    { shift: 2, num_train_timesteps: 1000 },
  ],
  [
    'edm',
    { scheduler: { process: 'edm', sigmaData: 0.6 } },
    'EDMEulerScheduler',
    'dpmpp-2m',
    { sigma_data: 0.6, sigma_min: 0.002, sigma_max: 80, prediction_type: 'epsilon' },
  ],
] as const)('%s', (name, config, className, sampler, file) => {
  test('is trained, logged by its levels of noise above their floor, resumed bit for bit, and sampled with its own sampler', async () => {
    writeFileSync(
      join(cwd, `${name}.json`),
      JSON.stringify({ data: { source: 'images', size: 8 }, model: tinyModel, train, ...config }),
    );
    const command = (out: string, ...more: string[]) => ['train', `${name}.json`, '--out', out, ...more];
    await run(...command(`${name}-whole`));
    await run(...command(`${name}-parts`, '--steps', '20'));
    await run(...command(`${name}-parts`, '--steps', String(steps), '--resume'));
    expect(metrics(`${name}-parts`)).toEqual(metrics(`${name}-whole`));
    expect(results(`${name}-parts`).every((bytes, i) => bytes === results(`${name}-whole`)[i])).toBe(true);

    // A fresh network says nothing; what is asked for has about unit variance, as images of deviation ½ have it.
    const losses = metrics(`${name}-whole`) as { loss: number; lossByNoise: (number | null)[] }[];
    expect(losses[0]!.loss).toBeGreaterThan(0.3);
    expect(losses[0]!.loss).toBeLessThan(3);
    expect(losses[0]!.lossByNoise.filter((loss) => loss !== null).length).toBeGreaterThan(0);
    expect(existsSync(join(cwd, `${name}-whole/loss-by-noise.png`))).toBe(true);
    expect(existsSync(join(cwd, `${name}-whole/samples/step-0000${steps}.png`))).toBe(true);

    const saved = join(`${name}-whole`, `checkpoints/step-0000${steps}`);
    expect(JSON.parse(text(saved, 'scheduler/scheduler_config.json'))).toMatchObject({
      _class_name: className,
      ...file,
    });
    expect(JSON.parse(text(saved, 'model_index.json'))).toMatchObject(
      name === 'flow'
        ? { scheduler: ['diffusers', className] }
        : { _note: expect.stringContaining(`with ${className} (subfolder "scheduler")`) },
    );
    const { stdout } = await run('sample', `${name}-whole`, '--count', '2', '--out', `${name}.png`);
    expect(stdout).toContain(`with ${sampler}, seed 0`);
    const again = await run(
      'sample',
      saved,
      '--count',
      '2',
      '--sampler',
      'dpmpp-2m',
      '--steps',
      '4',
      '--out',
      `${name}-2m.png`,
    );
    expect(again.stdout).toContain('with dpmpp-2m');
    const { stdout: lossByNoise } = await run(
      'loss-by-noise',
      `${name}-whole`,
      '--data',
      'images',
      '--levels',
      '4',
      '--draws',
      '4',
      '--out',
      `${name}-loss-by-noise.png`,
    );
    expect(lossByNoise).toMatch(/mean over the levels: network \d/);
  }, 180_000);
});

test('times drawn by importance are warmed, go on bit for bit after a resume, and are told by their own losses', async () => {
  const config = {
    data: { source: 'images', size: 8 },
    model: tinyModel,
    scheduler: { betaSchedule: 'cosine', numTrainTimesteps: 10 },
    objective: { timeSampling: 'importance' },
    // Ten losses of each of ten times take some twenty steps of eight.
    train: { ...train, gradientAccumulation: 2, sampleEvery: null },
  };
  writeFileSync(join(cwd, 'importance.json'), JSON.stringify(config));
  writeFileSync(join(cwd, 'uniform.json'), JSON.stringify({ ...config, objective: {} }));
  const command = (out: string, ...more: string[]) => ['train', 'importance.json', '--out', out, ...more];
  await run(...command('importance-whole'));
  await run(...command('importance-parts', '--steps', '36'));
  await run(...command('importance-parts', '--steps', String(steps), '--resume'));
  await run('train', 'uniform.json', '--out', 'uniform');
  expect(metrics('importance-parts')).toEqual(metrics('importance-whole'));
  expect(results('importance-parts').every((bytes, i) => bytes === results('importance-whole')[i])).toBe(true);
  // Uniform until it is warm, and then no more.
  expect(metrics('importance-whole').slice(0, 10)).toEqual(metrics('uniform').slice(0, 10));
  expect(metrics('importance-whole').at(-1)).not.toEqual(metrics('uniform').at(-1));
  const { tensors } = readSafetensors(
    readFileSync(join(cwd, 'importance-whole', `checkpoints/step-0000${steps}`, 'training/state.safetensors')),
  );
  expect(Array.from(tensors.get('history/counts')!.data, Number).reduce((sum, count) => sum + count, 0)).toBe(
    8 * steps,
  );
  expect(tensors.get('history/losses')!.shape).toEqual([10, 10]);
}, 180_000);

test("another process than the configuration's leaves the settings of that one behind", async () => {
  writeFileSync(
    join(cwd, 'steps.json'),
    JSON.stringify({
      data: { source: 'images', size: 8 },
      model: tinyModel,
      scheduler: { betaSchedule: 'cosine' },
      train: { ...train, sampleEvery: null },
    }),
  );
  await run(
    'train',
    'steps.json',
    '--out',
    'other',
    '--steps',
    '1',
    '--scheduler.process',
    'edm',
    '--scheduler.sigmaMax',
    '40',
  );
  expect(JSON.parse(text('other/checkpoints/step-000001/scheduler/scheduler_config.json'))).toMatchObject({
    _class_name: 'EDMEulerScheduler',
    sigma_max: 40,
  });
}, 180_000);

test.each([
  [
    { scheduler: { process: 'edm' }, objective: { timeSampling: 'stratified' } },
    "timeSampling: EDM's noise levels go over five powers of ten",
  ],
  [
    { scheduler: { process: 'flow', betaSchedule: 'cosine' } },
    'unknown scheduler field "betaSchedule"; one of process, numTrainTimesteps, shift',
  ],
  [
    { scheduler: { process: 'flow' }, model: { ...tinyModel, outChannels: 6 } },
    "config.model.outChannels: flow_prediction has the image's 3 channels, got 6",
  ],
])('a configuration that contradicts itself is refused: %j', async (config, message) => {
  writeFileSync(
    join(cwd, 'wrong.json'),
    JSON.stringify({ data: { source: 'images', size: 8 }, model: tinyModel, train, ...config }),
  );
  const { status, stderr } = await runHere(['train', 'wrong.json', '--out', 'wrong']);
  expect([status, stderr.trim().split('\n').length]).toEqual([1, 1]);
  expect(stderr).toContain(message);
});
