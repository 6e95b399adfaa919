/** How long one evaluation of the network takes with constant weights, as in sampling, next to PyTorch's under `inference_mode`. */
import { float32, freeze } from '../src/core/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { denoiserProgram } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { contest, timed } from './contest.ts';
import { networkOf, noiseImages, imageOf, unetConfig } from './network.ts';
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

export async function forward(settings: Settings): Promise<void> {
  const { threads, rounds } = settings;
  const nameOf = (batch: number) => `64·(1,2,2), batch ${batch}`;
  const measure = async (batch: number): Promise<Outcome> => {
    const config = unetConfig(64, batch);
    const unet = networkOf(config);
    const network = freeze(denoiserProgram(unet, batch), initialValues(unet, 0));
    const inputs = {
      sample: noiseImages(batch, imageOf(config)),
      timestep: float32(
        [batch],
        Float32Array.from({ length: batch }, (_, i) => i * 60),
      ),
    };
    const executors = {
      kuosan: createNodeExecutor({ threads }),
      standard: createNodeExecutor({ threads, cpuKernels: 'standard' }),
    };
    const ours = {
      kuosan: await executors.kuosan.compile(network),
      standard: await executors.standard.compile(network),
    };
    const peers = await startUNetPeers(config, 'forward', settings);
    const blocks = await contest(
      {
        kuosan: timed(() => ours.kuosan.run(null, inputs)),
        standard: timed(() => ours.standard.run(null, inputs)),
        ...peers.sides,
      },
      { rounds, repeat: batch === 1 ? 20 : 5, onEstimate: sayHowLong },
    );
    await peers.stop();
    for (const executor of Object.values(executors)) await executor.dispose();
    return outcomeOf(nameOf(batch), blocks);
  };
  printOutcomes('forward', await measureCases([16, 1], { nameOf, measure, lineOf: outcomeLine }, settings));
}
