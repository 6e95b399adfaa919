/**
 * CLIP's training step (both towers, the contrastive loss, backward, clipping, AdamW, the moving average of the weights)
 * and the embedding of images with constant weights, next to transformers' `CLIPModel` of the same configuration.
 */
import { freeze } from '../src/core/index.ts';
import { CLIPModel, snakeCaseKeys } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { imageProgram } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { clipConfig, clipOptions, normalizedImages, openClipTrainer } from './clip-network.ts';
import { contest, timed } from './contest.ts';
import {
  measureCases,
  outcomeLine,
  outcomeOf,
  printOutcomes,
  sayHowLong,
  type Outcome,
  type Settings,
} from './question.ts';
import { startTorchPeers, type TorchPeers } from './torch-peers.ts';

const size = 64;

export async function clip(settings: Settings): Promise<void> {
  const cases = [
    { name: 'training step, batch 64', batch: 64, of: training },
    { name: 'image embedding, batch 64', batch: 64, of: embedding },
    { name: 'image embedding, batch 1', batch: 1, of: embedding },
  ];
  const work = {
    nameOf: ({ name }: (typeof cases)[number]) => name,
    measure: ({ name, batch, of }: (typeof cases)[number]) => of(name, batch, settings),
    lineOf: outcomeLine,
  };
  printOutcomes('CLIP', await measureCases(cases, work, settings));
}

function startClipPeers(batch: number, command: 'train' | 'image', settings: Settings): Promise<TorchPeers> {
  const { textConfig, visionConfig, projectionDim } = new CLIPModel(clipOptions(clipConfig(batch))).config;
  const network = { text: snakeCaseKeys(textConfig), vision: snakeCaseKeys(visionConfig), projection: projectionDim };
  return startTorchPeers('clip.py', (threads, variant) => ({ ...network, batch, threads, variant }), command, settings);
}

async function training(name: string, batch: number, settings: Settings): Promise<Outcome> {
  const { threads, rounds } = settings;
  const executors = {
    kuosan: createNodeExecutor({ threads }),
    standard: createNodeExecutor({ threads, cpuKernels: 'standard' }),
  };
  const ours = {
    kuosan: await openClipTrainer(executors.kuosan, clipConfig(batch)),
    standard: await openClipTrainer(executors.standard, clipConfig(batch)),
  };
  const peers = await startClipPeers(batch, 'train', settings);
  const blocks = await contest(
    { kuosan: timed(() => ours.kuosan.advance()), standard: timed(() => ours.standard.advance()), ...peers.sides },
    { rounds, repeat: 3, onEstimate: sayHowLong },
  );
  await peers.stop();
  for (const executor of Object.values(executors)) await executor.dispose();
  return outcomeOf(name, blocks);
}

async function embedding(name: string, batch: number, settings: Settings): Promise<Outcome> {
  const { threads, rounds } = settings;
  const model = new CLIPModel(clipOptions(clipConfig(batch)));
  const tower = freeze(imageProgram(model, batch), initialValues(model, 0));
  const inputs = { images: normalizedImages(batch, size) };
  const executors = {
    kuosan: createNodeExecutor({ threads }),
    standard: createNodeExecutor({ threads, cpuKernels: 'standard' }),
  };
  const ours = { kuosan: await executors.kuosan.compile(tower), standard: await executors.standard.compile(tower) };
  const peers = await startClipPeers(batch, 'image', settings);
  const blocks = await contest(
    {
      kuosan: timed(() => ours.kuosan.run(null, inputs)),
      standard: timed(() => ours.standard.run(null, inputs)),
      ...peers.sides,
    },
    { rounds, repeat: batch === 1 ? 30 : 5, onEstimate: sayHowLong },
  );
  await peers.stop();
  for (const executor of Object.values(executors)) await executor.dispose();
  return outcomeOf(name, blocks);
}
