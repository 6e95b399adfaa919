/**
 * How long a training step takes: noise, forward, backward, clipping, Adam and the moving average of the weights, next to
 * the same in PyTorch (fused Adam, foreach average).
 */
import { createNodeExecutor } from '../src/runtime/node.ts';
import { contest, timed } from './contest.ts';
import { openTrainer, unetConfig } from './network.ts';
import {
  measureCases,
  outcomeLine,
  outcomeOf,
  printOutcomes,
  sayHowLong,
  type Outcome,
  type Settings,
} from './question.ts';
import { startUNetPeers } from './unet-peers.ts';

/** Width of the network and images in a batch; the first is the network that is followed. */
const cases = [
  [64, 16],
  [32, 8],
  [32, 32],
  [128, 8],
  [128, 32],
] as const;

export async function training(settings: Settings): Promise<void> {
  const nameOf = ([width, batch]: (typeof cases)[number]) => `${width}·(1,2,2), batch ${batch}`;
  const measure = async (subject: (typeof cases)[number]): Promise<Outcome> => {
    const [width, batch] = subject;
    const { threads, rounds } = settings;
    const config = unetConfig(width, batch);
    const executors = {
      kuosan: createNodeExecutor({ threads }),
      standard: createNodeExecutor({ threads, cpuKernels: 'standard' }),
    };
    const ours = {
      kuosan: await openTrainer(executors.kuosan, config),
      standard: await openTrainer(executors.standard, config),
    };
    const peers = await startUNetPeers(config, 'train', settings);
    const blocks = await contest(
      { kuosan: timed(() => ours.kuosan.advance()), standard: timed(() => ours.standard.advance()), ...peers.sides },
      { rounds, repeat: width === 128 ? 1 : 3, onEstimate: sayHowLong },
    );
    // A size at a time in memory.
    await peers.stop();
    for (const executor of Object.values(executors)) await executor.dispose();
    return outcomeOf(nameOf(subject), blocks);
  };
  printOutcomes('training step', await measureCases(cases, { nameOf, measure, lineOf: outcomeLine }, settings));
}
