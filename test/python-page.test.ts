/** docs/python.md has a row for every model that can be trained or read, and says of it what the code does. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { inDiffusers, schedulerFromJson, schedulerToJson } from '../src/checkpoint/index.ts';
import {
  betaSchedules,
  type PredictionType,
  predictionTypes,
  schedule,
  schedulerConfig,
  type StepSchedulerConfig,
  varianceTypes,
} from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { interopCases, interopNetwork } from './golden/interop-folders.ts';
import { root } from './source-files.ts';

const page = readFileSync(join(root, 'docs/python.md'), 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.slice(2, -2).split(' | '));

const network = (options: ConstructorParameters<typeof UNet2DModel>[0]) =>
  new UNet2DModel({
    sampleSize: 8,
    inChannels: 3,
    blockOutChannels: [4],
    layersPerBlock: 1,
    normNumGroups: 2,
    attentionHeadDim: 2,
    downBlockTypes: ['DownBlock2D'],
    upBlockTypes: ['UpBlock2D'],
    ...options,
  });
const takes = { x_t: {}, 'x_t, classes': { numClassEmbeds: 5 }, 'x_t, an image': { inChannels: 6 } };

/** Every configuration of a discrete-time process. */
const stepProcesses = varianceTypes.flatMap((varianceType) =>
  betaSchedules.flatMap((betaSchedule) =>
    [false, true].flatMap((rescaleBetasZeroSnr) =>
      predictionTypes
        .filter(
          (predictionType) =>
            predictionType !== 'flow_prediction' && !(rescaleBetasZeroSnr && predictionType === 'epsilon'),
        )
        .map((predictionType: PredictionType) =>
          schedulerConfig({ numTrainTimesteps: 40, betaSchedule, varianceType, rescaleBetasZeroSnr, predictionType }),
        ),
    ),
  ),
);

describe('docs/python.md', () => {
  test.each(Object.entries(takes))('says as what every network opens that takes %s', (taken, options) => {
    for (const scheduler of stepProcesses) {
      const unet = network({ outChannels: scheduler.varianceType === 'learned_range' ? 6 : 3, ...options });
      const { pipelines, scheduler: className, note } = inDiffusers(unet, scheduler);
      const row = rows.filter(
        ([process, , variances, taking]) =>
          process === 'steps' && variances!.split(', ').includes(scheduler.varianceType) && taking === taken,
      );
      expect(row).toHaveLength(1);
      const [, , , , opens, steps] = row[0]!;
      expect(steps).toBe(`\`${className}\``);
      expect(
        note === null
          ? pipelines.map((name) => `\`${name}\``).join(', ')
          : note.replace(/; open it as UNet2DModel .*$/, ''),
      ).toBe(opens);
    }
  });

  test.each([
    ['flow', 'ε − x_0'],
    ['EDM', '−v of scaled data'],
  ] as const)('says as what every network of %s opens', (process, predicts) => {
    const scheduler = schedulerConfig({ process: process === 'flow' ? 'flow' : 'edm' });
    for (const [taken, options] of Object.entries(takes)) {
      const { pipelines, scheduler: className, note } = inDiffusers(network({ outChannels: 3, ...options }), scheduler);
      const opens =
        note === null
          ? pipelines.map((name) => `\`${name}\``).join(', ')
          : note.replace(/; open it as UNet2DModel .*$/, '');
      expect(rows).toContainEqual([process, predicts, '–', taken, opens, `\`${className}\``]);
    }
    expect(
      schedulerFromJson(JSON.parse(JSON.stringify(schedulerToJson(scheduler))) as Record<string, unknown>, 'file'),
    ).toEqual(scheduler);
  });

  test('says nothing of a model that diffusers has not sampled: every row has a folder in test/golden/interop, with its variance learned too', () => {
    const sampled = interopCases.map((one) => {
      const { inChannels, outChannels, numClassEmbeds } = interopNetwork(one).config;
      const scheduler = schedulerConfig(one.scheduler);
      const varianceType = scheduler.process === undefined ? scheduler.varianceType : '–';
      const imageChannels = inChannels - (varianceType === 'learned_range' ? outChannels / 2 : outChannels);
      return {
        process: { steps: 'steps', flow: 'flow', edm: 'EDM' }[scheduler.process ?? 'steps'],
        varianceType,
        takes: numClassEmbeds !== null ? 'x_t, classes' : imageChannels > 0 ? 'x_t, an image' : 'x_t',
      };
    });
    const promised = rows.filter(([process]) => ['steps', 'flow', 'EDM'].includes(process!));
    expect(promised).toHaveLength(10);
    for (const [process, , variances, takes] of promised) {
      const found = sampled
        .filter(
          (one) => one.process === process && one.takes === takes && variances!.split(', ').includes(one.varianceType),
        )
        .map(({ varianceType }) => varianceType);
      expect(found.length, `${process}, ${variances}, ${takes}`).toBeGreaterThan(0);
      if (variances!.includes('learned_range')) expect(found, `${process}, ${takes}`).toContain('learned_range');
      if (variances!.includes('fixed_small')) expect(found, `${process}, ${takes}`).toContain('fixed_small');
    }
  });

  test('says as what every schedule is saved, and every one is read back the same', () => {
    for (const scheduler of stepProcesses) {
      const json = JSON.parse(JSON.stringify(schedulerToJson(scheduler))) as Record<string, unknown>;
      const name = `${scheduler.betaSchedule}${scheduler.rescaleBetasZeroSnr ? ', without signal at its end' : ''}`;
      const betas = json['trained_betas'] as readonly number[] | null;
      expect(rows.find(([first]) => first === name)?.slice(1)).toEqual([
        json['beta_schedule'],
        betas === null ? 'null' : 'every β',
        String(json['rescale_betas_zero_snr']),
      ]);
      expect(
        rows.find(
          ([first, second]) =>
            first === scheduler.varianceType && ['trailing', 'linspace', 'leading', 'linspace'].includes(second!),
        )?.[scheduler.rescaleBetasZeroSnr ? 2 : 1],
      ).toBe(json['timestep_spacing']);
      const back = schedulerFromJson(json, 'file') as StepSchedulerConfig;
      expect(back).toEqual(scheduler);
      expect(schedule(back).alphasCumprod).toEqual(schedule(scheduler).alphasCumprod);
    }
  });
});
