import { readFile } from 'node:fs/promises';
import { describe, expect, it, test } from 'vitest';
import { networkProcess } from '../diffusion/index.ts';
import {
  CLIPModel,
  ImageClassifier,
  AutoregressivePrior,
  priorNetwork,
  PriorTransformer,
  UnCLIPDecoder,
  UnCLIPTextProjModel,
  UNet2DConditionModel,
  UNet2DModel,
} from '../models/index.ts';
import { countParameters } from '../nn/index.ts';
import { classifierProgram, denoiserProgram, imageProgram, textProgram } from '../pipelines/index.ts';
import { parseClassifierConfig } from './classifier-config.ts';
import { parseClipConfig } from './clip-config.ts';
import { parseDdpmConfig } from './ddpm-config.ts';
import { parseDecoderConfig } from './decoder-config.ts';
import { parseAutoregressivePriorConfig } from './autoregressive-prior-config.ts';
import { parsePriorConfig } from './prior-config.ts';
import { presetNames, readConfig } from '../train/presets.ts';

const presets = await Promise.all(
  (await presetNames()).map(async (name) => ({ name, config: await readConfig(name) })),
);
const names = (task: unknown) => presets.filter(({ config }) => config['task'] === task).map(({ name }) => name);

/** The comments do the arithmetic: it must be of this network. */
async function expectSaidParameters(name: string, count: number): Promise<void> {
  const [, said] = /(?<!\d)([\d.,]+(?: M)?) parameters/.exec(
    await readFile(new URL(`../../presets/${name}.jsonc`, import.meta.url), 'utf8'),
  )!;
  expect(said!.endsWith(' M') ? `${(count / 1e6).toFixed(2)} M` : count.toLocaleString('en-US')).toBe(said);
}

describe.each(names(undefined))('the preset %s', (name) => {
  test('is a configuration that builds, for images of its size', async () => {
    const read = await readConfig(name);
    const config = parseDdpmConfig({ ...read, data: { source: 'x', ...(read['data'] as object) } });
    const { size } = config.data;
    // Those for any folder leave their size to the one place where a person changes it.
    if (name.startsWith('images-')) expect(config.model.sampleSize).toBeNull();
    else expect(config.model.sampleSize).toBe(size);
    const unet = new UNet2DModel({ ...config.model, sampleSize: size });
    denoiserProgram(unet, 1);
    expect(networkProcess(config.scheduler).networkTimes).toMatchObject({ from: 0, to: 1000 });
    await expectSaidParameters(name, countParameters(unet));
  });
});

test.each(names('classifier'))('the preset %s is a configuration that builds', async (name) => {
  const { data, model, train } = parseClassifierConfig(
    Object.fromEntries(Object.entries(await readConfig(name)).filter(([key]) => key !== 'task' && key !== 'getData')),
  );
  const classifier = new ImageClassifier({
    ...model,
    sampleSize: data.size,
    inChannels: 1,
    classNames: Array.from({ length: 10 }, (_, i) => String(i)),
  });
  classifierProgram(classifier, 1);
  expect(train.evaluateEvery).not.toBeNull();
  await expectSaidParameters(name, countParameters(classifier));
});

test.each(names('clip'))('the preset %s is a configuration that builds, small enough to be shipped', async (name) => {
  const { data, model, tokenizer, train } = parseClipConfig(
    Object.fromEntries(
      Object.entries({
        ...(await readConfig(name)),
        data: { source: 'x', ...((await readConfig(name))['data'] as object) },
      }).filter(([key]) => key !== 'task' && key !== 'getData'),
    ),
  );
  if (!('vocabSize' in tokenizer)) throw new Error(`${name} brings no tokenizer.json`);
  const clip = new CLIPModel({
    ...model,
    textConfig: { ...model.textConfig, vocabSize: tokenizer.vocabSize, eosTokenId: tokenizer.vocabSize - 1 },
    visionConfig: { ...model.visionConfig, imageSize: data.size },
  });
  imageProgram(clip, 1);
  textProgram(clip, 1);
  // In float16.
  expect(2 * countParameters(clip)).toBeLessThan(9.7e6);
  // Table 18 of the paper; no decay on gains, biases and the temperature.
  expect(train).toMatchObject({
    optimizer: 'adamw',
    weightDecay: 0.2,
    betas: [0.9, 0.98],
    eps: 1e-6,
    lrSchedule: 'cosine',
    groups: [{ maxRank: 1, weightDecay: 0 }],
  });
  if (name !== 'clip') await expectSaidParameters(name, countParameters(clip));
});

/** Of the CLIP that the comments speak of. */
const clip = { width: 128, tokens: 16 };
/** Of a caption to `emoji-clip`, which is as wide. */
const emojiTokens = 18;

test.each(names('prior'))('the preset %s is a configuration that builds', async (name) => {
  const { model, train } = parsePriorConfig(ownSettings(await readConfig(name)));
  const prior = new PriorTransformer({ ...model, embeddingDim: clip.width, numEmbeddings: clip.tokens });
  expect(priorNetwork(prior).sample).toEqual([clip.width]);
  // Table 3 of the paper.
  expect(train).toMatchObject({ optimizer: 'adamw', betas: [0.9, 0.96], eps: 1e-6, weightDecay: 0.06 });
  await expectSaidParameters(name, countParameters(prior));
});

test.each(names('autoregressive-prior'))('the preset %s is a configuration that builds', async (name) => {
  const { model, train } = parseAutoregressivePriorConfig(ownSettings(await readConfig(name)));
  const prior = new AutoregressivePrior({ ...model, embeddingDim: clip.width, numEmbeddings: emojiTokens });
  // Table 3 of the paper.
  expect(train).toMatchObject({ optimizer: 'adamw', betas: [0.9, 0.91], eps: 1e-10, weightDecay: 0.04 });
  await expectSaidParameters(name, countParameters(prior));
});

test.each(names('decoder'))('the preset %s is a configuration that builds', async (name) => {
  const { data, model, textProj } = parseDecoderConfig(ownSettings(await readConfig(name)));
  const unet = new UNet2DConditionModel({
    ...model,
    inChannels: data.channels,
    outChannels: 2 * data.channels,
    sampleSize: data.size as number,
    classEmbedType: 'identity',
  });
  const module = new UnCLIPDecoder(
    unet,
    new UnCLIPTextProjModel({
      ...textProj,
      clipEmbeddingsDim: clip.width,
      timeEmbedDim: 4 * model.blockOutChannels[0]!,
      crossAttentionDim: model.crossAttentionDim,
    }),
  );
  await expectSaidParameters(name, countParameters(module));
});

/** What is the system's own of a configuration. */
function ownSettings(config: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !['$schema', 'task', 'getData'].includes(key)));
}

test.each(presets.filter(({ config }) => config['getData'] !== undefined))(
  'the preset $name says how to get its own data',
  ({ config }) => {
    expect(Object.keys(config['getData'] as object)).toEqual([(config['data'] as { readonly source: string }).source]);
  },
);

it("cifar10 is DDPM's own run", async () => {
  const { data, model, scheduler, train } = parseDdpmConfig(await readConfig('cifar10'));
  expect(data).toMatchObject({ source: 'cifar10', horizontalFlip: true });
  // The number of Ho et al.'s own code.
  expect(countParameters(new UNet2DModel(model))).toBe(35_746_307);
  expect(model.dropout).toBe(0.1);
  expect(scheduler).toMatchObject({
    betaSchedule: 'linear',
    betaStart: 1e-4,
    betaEnd: 0.02,
    varianceType: 'fixed_large',
    predictionType: 'epsilon',
    clipSample: true,
  });
  expect(train).toMatchObject({
    steps: 800_000,
    batchSize: 128,
    optimizer: 'adam',
    learningRate: 2e-4,
    warmupSteps: 5000,
    clipNorm: 1,
    betas: [0.9, 0.999],
    eps: 1e-8,
    ema: { decay: 0.9999, useEmaWarmup: false },
  });
});
