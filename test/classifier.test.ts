import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { readClassifierFolder } from '../src/checkpoint/index.ts';
import { RandomStream } from '../src/core/index.ts';
import { writePng } from '../src/data/index.ts';
import { runOrResume, workingFolder } from './run-here.ts';

const cwd = workingFolder('classifier');

/** Noise with the left or the upper half brighter: hard to tell by any one pixel. */
async function writeHalves(folder: string, seed: number): Promise<void> {
  for (const [label, name] of ['left', 'upper'].entries()) {
    for (let i = 0; i < 24; i++) {
      const random = new RandomStream(seed, name, i);
      const data = Uint8Array.from(
        { length: 64 },
        (_, at) => random.integer(160) + ((label === 0 ? at % 8 : at >> 3) < 4 ? 95 : 0),
      );
      await writePng(join(cwd, folder, name, `${i}.png`), { data, width: 8, height: 8, channels: 1 });
    }
  }
}

const config = {
  task: 'classifier',
  data: { source: 'train', test: 'held-out', size: 8, channels: 1 },
  model: { blockOutChannels: [8, 16] },
  train: {
    steps: 60,
    batchSize: 16,
    learningRate: 0.01,
    warmupSteps: 5,
    ema: { decay: 0.9 },
    evaluateEvery: 30,
    checkpointEvery: 20,
  },
};
const write = (name: string, content: object) => writeFileSync(join(cwd, name), JSON.stringify(content));
const train = (...args: string[]) => runOrResume(['train', ...args, '--threads', '1']);

beforeAll(async () => {
  mkdirSync(join(cwd, 'loose'));
  await writeHalves('train', 1);
  await writeHalves('held-out', 2);
  await writePng(join(cwd, 'loose/a.png'), { data: new Uint8Array(64), width: 8, height: 8, channels: 1 });
  write('config.json', config);
});

describe('kuosan train with the task classifier', () => {
  test('learns classes, counts held-out images, and writes a checkpoint that is read back', async () => {
    const { status, stderr } = await train('config.json', '--out', 'run');
    expect(status, stderr).toBe(0);
    const measured = readFileSync(join(cwd, 'run/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { evaluation?: { accuracy: number; testLoss: number } })
      .flatMap(({ evaluation }) => evaluation ?? []);
    expect(measured).toHaveLength(2);
    expect(measured[1]!.accuracy).toBeGreaterThan(0.9);
    expect(measured[1]!.testLoss).toBeLessThan(measured[0]!.testLoss);
    expect(stderr).toContain('evaluate a model: npx kuosan evaluate MODEL --data train --features run');
    const { model } = await readClassifierFolder(join(cwd, 'run/checkpoints/step-000060'));
    expect(model.config).toMatchObject({ sampleSize: 8, inChannels: 1, classNames: ['left', 'upper'] });
  }, 180_000);

  test('goes on after a stop to the same bytes', async () => {
    const weights = (out: string) =>
      readFileSync(join(cwd, out, 'checkpoints/step-000060/model.safetensors')).toString('latin1');
    expect(
      (await train('config.json', '--out', 'stopped', '--steps', '20', '--train.lrSchedule', 'constant')).status,
    ).toBe(0);
    expect((await train('config.json', '--out', 'stopped', '--train.lrSchedule', 'constant', '--resume')).status).toBe(
      0,
    );
    expect((await train('config.json', '--out', 'whole', '--train.lrSchedule', 'constant')).status).toBe(0);
    expect(weights('stopped') === weights('whole')).toBe(true);
  }, 180_000);

  test.each([
    [['--data', 'loose'], 'config.data.source: loose has no classes; put each class in a folder of its own'],
    [
      ['--data.test', 'null'],
      'config.train.evaluateEvery is 30, but train has no held-out images; name them (data.test), or set evaluateEvery to null',
    ],
    [
      ['--data.test', 'noto-emoji/smileys'],
      'config.data.test: the classes of noto-emoji/smileys are not those of train',
    ],
    [['--model.blockOutChanels', '[8]'], 'config.model: unknown key "blockOutChanels"; did you mean blockOutChannels?'],
  ])(
    '%j is refused',
    async (options, message) => {
      const { status, stderr } = await train('config.json', '--out', 'refused', ...options);
      // Above it is the progress of decoding, where that takes a moment.
      expect(stderr.trim().split('\n').at(-1)).toBe(`kuosan: ${message}`);
      expect(status).toBe(1);
    },
    180_000,
  );

  test('an unknown task is answered with those there are', async () => {
    write('unknown.json', { ...config, task: 'clasifier' });
    expect((await train('unknown.json', '--out', 'refused')).stderr.trim()).toBe(
      'kuosan: config.unknown task "clasifier"; did you mean classifier?',
    );
  });
});
