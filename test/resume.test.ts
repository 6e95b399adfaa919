import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeImageFolder, kuosan, start, tinyModel, type Ended } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-resume-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const steps = 120;
const last = `checkpoints/step-${String(steps).padStart(6, '0')}`;
const train = {
  steps,
  batchSize: 4,
  warmupSteps: 10,
  lrSchedule: 'cosine',
  checkpointEvery: 15,
  keepCheckpoints: 2,
  sampleEvery: 50,
  sampleCount: 2,
  sampleSteps: 2,
};

beforeAll(async () => {
  // 13 images and batches of 4: epochs end inside of batches.
  await writeImageFolder(join(cwd, 'images'), 13);
  const config = { data: { source: 'images', size: 8, horizontalFlip: true }, model: tinyModel, train };
  writeFileSync(join(cwd, 'config.json'), JSON.stringify(config));
  for (const name of ['apples', 'pears']) await writeImageFolder(join(cwd, 'classes', name), 7);
  writeFileSync(
    join(cwd, 'accumulating.json'),
    JSON.stringify({
      ...config,
      data: { ...config.data, source: 'classes' },
      model: { ...tinyModel, dropout: 0.2, numClassEmbeds: 3 },
      objective: { labelDropout: 0.4 },
      train: {
        ...train,
        batchSize: 2,
        gradientAccumulation: 2,
        optimizer: 'adamw',
        groups: [
          { names: '^conv_in', frozen: true },
          { maxRank: 1, weightDecay: 0 },
        ],
      },
    }),
  );
});

const command = (config: string, out: string) => ['train', config, '--out', out, '--threads', '1'];

/** Everything of a run that must not depend on its interruptions. */
function result(out: string) {
  const text = (file: string) => readFileSync(join(cwd, out, file)).toString('latin1');
  const metrics = text('metrics.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { imagesPerSecond: _, ...metric } = JSON.parse(line) as Record<string, number>;
      return metric;
    });
  return {
    weights: text(join(last, 'unet/diffusion_pytorch_model.safetensors')),
    state: text(join(last, 'training/state.safetensors')),
    metrics,
    images: text(`samples/step-${String(steps).padStart(6, '0')}.png`),
  };
}

function expectSameResult(out: string, expected: ReturnType<typeof result>): void {
  const found = result(out);
  expect(found.metrics).toEqual(expected.metrics);
  // Not toBe: a difference of megabytes is no message.
  for (const file of ['weights', 'state', 'images'] as const)
    expect(found[file] === expected[file], `${file} of ${out}`).toBe(true);
}

const latest = (out: string) =>
  existsSync(join(cwd, out, 'latest')) ? readFileSync(join(cwd, out, 'latest'), 'utf8') : '';

/** Starts a run, waits until it has saved a checkpoint of its own and a little longer, and sends it a signal. */
async function runAndStop(args: readonly string[], out: string, signal: NodeJS.Signals, wait: number): Promise<Ended> {
  const before = latest(out);
  const { child, ended } = start(args, { cwd });
  while (latest(out) === before && child.exitCode === null) await delay(2);
  await delay(wait);
  child.kill(signal);
  return ended;
}

describe('a run that is stopped and resumed ends as one that never was:', () => {
  test('killed twice at any moment', async () => {
    const uninterrupted = await kuosan(command('config.json', 'a'), { cwd });
    expect(uninterrupted.status, uninterrupted.stderr).toBe(0);
    // The moments are the machine's: any must do. They differ from run to run, and the message of a failure tells them.
    const waits = [0, 50].map((least) => least + Math.floor(Math.random() * 50));
    const first = await runAndStop(command('config.json', 'b'), 'b', 'SIGKILL', waits[0]!);
    expect(first.status, first.stderr).toBe('SIGKILL');
    const second = await runAndStop([...command('config.json', 'b'), '--resume'], 'b', 'SIGKILL', waits[1]!);
    expect(second.status, second.stderr).toBe('SIGKILL');
    expect(second.stderr).toMatch(/resuming from step \d+\n/);
    const third = await kuosan([...command('config.json', 'b'), '--resume'], { cwd });
    expect(third.status, third.stderr).toBe(0);
    expectSameResult('b', result('a'));
    expect(result('b').metrics.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  }, 120_000);

  test('ended by Ctrl-C, with the command that it prints (dropout, hidden classes, accumulation, groups)', async () => {
    const uninterrupted = await kuosan(command('accumulating.json', 'c'), { cwd });
    expect(uninterrupted.status, uninterrupted.stderr).toBe(0);
    const stopped = await runAndStop(command('accumulating.json', 'd e'), 'd e', 'SIGINT', 30);
    // As shells report it, so that a script does not take the run for finished.
    expect(stopped.status, stopped.stderr).toBe(130);
    const [, saved, typed] = /^stopped; saved (d e\/checkpoints\/step-\d{6}); go on with: npx kuosan (.*)$/m.exec(
      stopped.stderr,
    )!;
    expect(typed).toBe("train accumulating.json --out 'd e' --threads 1 --resume");
    // It ends after the step under way, not at the next checkpoint.
    const step = Number(saved!.slice(-6));
    expect(
      JSON.parse(readFileSync(join(cwd, 'd e/metrics.jsonl'), 'utf8').trimEnd().split('\n').at(-1)!),
    ).toMatchObject({ step });
    const resumed = await kuosan([...command('accumulating.json', 'd e'), '--resume'], { cwd });
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(`resuming from step ${step}\n`);
    expectSameResult('d e', result('c'));
  }, 120_000);
});
