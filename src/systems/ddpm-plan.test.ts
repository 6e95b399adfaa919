/** What a run lays out of classes: which one stands for any, and what contradicts the data. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeImageFolder, tinyModel } from '../../test/kuosan.ts';
import type { Dataset } from '../data/index.ts';
import { classLabelsOf } from '../diffusion/index.ts';
import { namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { parseDdpmConfig } from './ddpm-config.ts';
import { planDdpm } from './ddpm-plan.ts';
import { trainingRun } from '../train/run.ts';
import { Trainer, type TrainerState } from '../train/steps/trainer.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-ddpm-run-'));
const [classes, plain] = [join(folder, 'classes'), join(folder, 'plain')];
afterAll(() => rmSync(folder, { recursive: true, force: true }));
beforeAll(async () => {
  // The first images of all are the same, so of how many there are the class tells something too.
  for (const [i, name] of ['apples', 'pears', 'plums'].entries())
    await writeImageFolder(join(classes, name), 1 + 2 * i);
  await writeImageFolder(plain, 2);
});

const planOf = ({
  source = classes,
  numClassEmbeds = 4 as number | null,
  labelDropout = 0.5,
  objective = {},
  scheduler = {},
  model = {},
} = {}) =>
  planDdpm(
    parseDdpmConfig({
      data: { source, size: 8 },
      model: { ...tinyModel, numClassEmbeds, ...model },
      scheduler,
      objective: { labelDropout, ...objective },
      train: { steps: 2, batchSize: 16, warmupSteps: 0 },
    }),
    {},
  );

describe('classes', () => {
  test('are hidden behind the last one that the network has a vector for', async () => {
    const { task, dataset } = await planOf();
    const [last] = namedParameters(task.module).get('class_embedding.weight')!.shape;
    const labels = (await Promise.all([0, 1, 2, 3, 4, 5].map((batch) => task.inputs(batch)))).flatMap((inputs) =>
      classLabelsOf(inputs)!,
    );
    expect(Math.max(...labels)).toBe(last! - 1);
    // Which is none of the data's.
    expect(Math.max(...(dataset as Dataset).labels!)).toBe(last! - 2);
    expect(new Set(labels)).toEqual(new Set([0, 1, 2, 3]));
    expect(await task.inputs(0)).toEqual(await (await planOf()).task.inputs(0));
  });

  test('are all shown without drop-out, whether or not the network has one to spare', async () => {
    for (const numClassEmbeds of [3, 4]) {
      const { task } = await planOf({ numClassEmbeds, labelDropout: 0 });
      expect(new Set(classLabelsOf(await task.inputs(0)))).toEqual(new Set([0, 1, 2]));
    }
  });

  test('that are hidden are the same ones after a resume: the run ends with the same bits', async () => {
    const executor = createNodeExecutor({ threads: 1, worker: false });
    // Each of the three plans opens the data anew, as a resumed run does.
    const opened = async (labelDropout: number, from?: TrainerState) => {
      const { task, train } = await planOf({ labelDropout });
      return Trainer.open(executor, task, { ...train, learningRate: 0.01 }, from);
    };
    const whole = await opened(0.5);
    const first = await whole.advance();
    const saved = await whole.state();
    const second = await whole.advance();
    const resumed = await opened(0.5, saved);
    expect(await resumed.advance()).toEqual(second);
    expect(await resumed.state()).toEqual(await whole.state());
    // And they make a difference, though not to the first loss: the last layer is all but zero, its outputs are of order 1e-5.
    const shown = await opened(0);
    expect((await shown.advance()).loss).toBeCloseTo(first.loss, 3);
    expect((await shown.state()).training.get('params/class_embedding.weight')).not.toEqual(
      saved.training.get('params/class_embedding.weight'),
    );
    await executor.dispose();
  }, 20_000);

  test('begin with those of a trained model, and a history of losses that is empty', async () => {
    const executor = createNodeExecutor({ threads: 1, worker: false });
    const { task, train } = await planOf({ objective: { timeSampling: 'importance' } });
    expect(task.history).toBeDefined();
    const trained = await Trainer.open(executor, (await planOf()).task, { ...train, learningRate: 0.01 });
    await trained.advance();
    const weights = await trained.averages();
    const begun = await Trainer.open(executor, task, train, {
      step: 0,
      training: new Map([...weights].map(([name, value]) => [`params/${name}`, value])),
      ema: new Map(weights),
    });
    expect(await begun.averages()).toEqual(weights);
    expect((await begun.state()).training.get('params/class_embedding.weight')).toEqual(
      weights.get('class_embedding.weight'),
    );
    await begun.advance();
    expect(begun.step).toBe(1);
    await executor.dispose();
  }, 20_000);

  test('of a model that predicts something else are taken, and it is said', async () => {
    const out = join(folder, 'epsilon');
    const executor = createNodeExecutor({ threads: 1, worker: false });
    const config = (scheduler: object, init: string | null) => ({
      data: { source: plain, size: 8 },
      model: tinyModel,
      scheduler,
      train: { steps: 1, batchSize: 2, init, sampleEvery: null },
    });
    for await (const event of trainingRun(await planDdpm(parseDdpmConfig(config({}, null)), {}), { out, executor }))
      expect(event.type).toBeDefined();
    expect((await planDdpm(parseDdpmConfig(config({}, out)), {})).notes).toEqual([]);
    const { notes } = await planDdpm(parseDdpmConfig(config({ predictionType: 'v_prediction' }, out)), {});
    expect(notes).toEqual([
      expect.stringMatching(
        /step-000001 predicts epsilon, and this run v_prediction: the output is retrained; set config\.scheduler\.predictionType to keep it$/,
      ),
    ]);
    await executor.dispose();
  }, 20_000);

  test.each([
    [
      { numClassEmbeds: null },
      /^config\.objective\.labelDropout: the network takes no classes; set model\.numClassEmbeds to one more than there are, or labelDropout to 0$/,
    ],
    [
      { numClassEmbeds: 3 },
      /^config\.objective\.labelDropout: .*classes has 3 classes, and label dropout needs one more, the null label: set model\.numClassEmbeds to 4, got 3$/,
    ],
    [
      { numClassEmbeds: 5 },
      /^config\.objective\.labelDropout: .*classes has 3 classes, and label dropout needs one more, the null label: set model\.numClassEmbeds to 4, got 5$/,
    ],
    [{ numClassEmbeds: 2 }, /^config\.model\.numClassEmbeds is 2, but .*classes has 3 classes$/],
    [
      { model: { classEmbedType: 'timestep' } },
      /^config\.model\.classEmbedType: a network with "timestep" is conditioned on a number for each image, and images have classes; take numClassEmbeds without classEmbedType$/,
    ],
    [
      { source: plain },
      /^config\.model\.numClassEmbeds is 4, but .*plain has no classes; put each class in a folder of its own$/,
    ],
    [{ labelDropout: 1.5 }, /^config\.objective\.labelDropout: /],
  ])('that contradict the network or the data are refused: %j', async (options, message) => {
    await expect((async () => planOf(options))()).rejects.toThrow(message);
  });
});

describe('the floor of the loss', () => {
  test('is known of networks that are told classes, some of them hidden or not', async () => {
    const sum = async (labelDropout: number) =>
      (await (await planOf({ labelDropout })).irreducibleLoss!()).reduce<number>((total, loss) => total + loss!, 0);
    const told = await sum(0);
    expect(told).toBeGreaterThan(0);
    expect(await sum(0.5)).toBeGreaterThan(1.01 * told);
  });

  test.each([
    [{ objective: { weighting: 'min_snr' } }],
    [{ objective: { offsetNoise: 0.1 } }],
    [{ scheduler: { varianceType: 'learned_range' }, model: { outChannels: 6 } }],
  ])('is not known where the loss is another than the plain error: %j', async (options) => {
    expect((await planOf(options)).irreducibleLoss).toBeUndefined();
  });
});
