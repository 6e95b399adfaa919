/**
 * How long a training step and a forward pass of DDPM's U-Net take, beside PyTorch in the same run.
 *
 *     npm run bench                 KUOSAN_PYTHON=<python with torch and diffusers> npm run bench
 *
 * 6,472,195 parameters, 3 × 32 × 32, batch 16, two threads each. The training step is noise, forward, backward,
 * clipping, Adam and EMA; the forward pass has constant weights, as in sampling. Prints a table, then one JSON line
 * a question with ratio = peer's time / our time.
 */
import { float32, freeze, RandomStream, sizeOf } from '../src/core/index.ts';
import { schedule, drawTrainingNoise } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { countParameters, initialValues } from '../src/nn/index.ts';
import { ddpmLoss, denoiserProgram } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { parseDdpmConfig, Trainer } from '../src/train/index.ts';
import { printTable, report, side, timePairs, type Side } from './pairs.ts';
import { startPeer, type Peer } from './peer.ts';

const threads = 2;
const batch = 16;
const rounds = 7;
const picture = [3, 32, 32] as const;

const config = parseDdpmConfig({
  data: { source: 'noise' },
  model: {
    sampleSize: 32, blockOutChannels: [64, 128, 128], layersPerBlock: 2, attentionHeadDim: null,
    downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D'], upBlockTypes: ['UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'],
    normEps: 1e-6, downsamplePadding: 0, freqShift: 1, flipSinToCos: false,
  },
  train: { steps: 1_000_000, batchSize: batch },
});
const unet = new UNet2DModel(config.model);
console.log(`U-Net with ${countParameters(unet).toLocaleString('en-US')} parameters, batch ${batch}, ${threads} threads`);

const executor = createNodeExecutor({ threads });
const noiseSchedule = schedule(config.scheduler);
const images = float32([batch, ...picture], new RandomStream(0, 'bench').fillNormal(new Float32Array(sizeOf([batch, ...picture]))));
const trainer = await Trainer.open(executor, {
  module: unet,
  loss: (ctx) => ddpmLoss(unet, ctx, batch, picture),
  inputs: (number) => {
    const { t, noise, signalScale, noiseScale } = drawTrainingNoise(noiseSchedule, images.shape, new RandomStream(0, 'bench noise', number));
    return { x0: images, noise, timestep: float32([batch], t), signalScale, noiseScale };
  },
}, config.train);
const forward = await executor.compile(freeze(denoiserProgram(unet, batch, picture), initialValues(unet, 0)));
const forwardInputs = { sample: images, timestep: float32([batch], Float32Array.from({ length: batch }, (_, i) => i * 60)) };

const peer = await startPeer('unet2d.py', { threads, batch });
if (typeof peer === 'string') console.log(`no PyTorch to compare with: ${peer}`);
else console.log(`beside PyTorch ${String(peer.about['torch'])} (eager, ${String(peer.about['adam'])} Adam)`);
const peerSide = (command: string): Side | undefined => (typeof peer === 'string' ? undefined : async (repeat) => msOf(peer, command, repeat));

async function msOf(asked: Peer, cmd: string, repeat: number): Promise<readonly number[]> {
  return (await asked.ask({ cmd, repeat }))['ms'] as number[];
}

const rows = [
  report('training step', await timePairs(side(() => trainer.advance()), peerSide('train'), { rounds, repeat: 3 })),
  report('forward', await timePairs(side(() => forward.run(null, forwardInputs)), peerSide('forward'), { rounds, repeat: 5 })),
];
console.log();
printTable(rows, 'PyTorch');
console.log();
for (const row of rows) console.log(JSON.stringify(row));

if (typeof peer !== 'string') peer.stop();
await executor.dispose();
