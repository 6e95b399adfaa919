import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

/** Trains three steps in a process of its own, whose memory is nobody else's, and tells the estimate and what it came to. */
async function measured(channels: number, batchSize: number): Promise<{ estimate: number; peak: number }> {
  const from = (path: string) => JSON.stringify(new URL(`../src/${path}`, import.meta.url).href);
  const script = `
    const [{ UNet2DModel }, { denoisingLoss }, { createNodeExecutor }, { Trainer }, { parseDdpmConfig }, { float32 }, { memoryNeed }] =
      await Promise.all([${['models/index.ts', 'pipelines/index.ts', 'runtime/node.ts', 'train/index.ts', 'systems/index.ts', 'core/index.ts', 'train/steps/memory.ts'].map((path) => `import(${from(path)})`).join(', ')}]);
    const [channels, batchSize] = [${channels}, ${batchSize}];
    const { model, train } = parseDdpmConfig({
      data: { source: 'none' },
      model: { blockOutChannels: [channels, channels], layersPerBlock: 1, downBlockTypes: ['DownBlock2D', 'DownBlock2D'], upBlockTypes: ['UpBlock2D', 'UpBlock2D'], addAttention: false, normNumGroups: 8 },
      train: { steps: 10, batchSize },
    });
    const unet = new UNet2DModel({ ...model, sampleSize: 32 });
    const executor = createNodeExecutor({ threads: 2 });
    const zeros = (...shape) => float32(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));
    const images = zeros(batchSize, 3, 32, 32);
    const numbers = zeros(batchSize);
    const trainer = await Trainer.open(executor, {
      module: unet, loss: (ctx) => denoisingLoss(unet, ctx, batchSize),
      inputs: () => ({ x0: images, noise: images, timestep: numbers, signalScale: numbers, noiseScale: numbers }),
    }, train);
    const estimate = memoryNeed(trainer.peaks).needed;
    for (let i = 0; i < 3; i++) await trainer.advance();
    console.log(JSON.stringify({ estimate, peak: process.resourceUsage().maxRSS * 1024 }));
    await executor.dispose();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    '--import',
    import.meta.resolve('tsx'),
    '--input-type=module',
    '--eval',
    script,
  ]);
  return JSON.parse(stdout) as { estimate: number; peak: number };
}

test.each([
  [32, 16],
  [64, 32],
])(
  'the estimate before the first step is within a quarter of the peak, %i channels and batches of %i',
  async (channels, batchSize) => {
    const { estimate, peak } = await measured(channels, batchSize);
    expect(
      Math.abs(estimate / peak - 1),
      `estimated ${Math.round(estimate / 1e6)} MB, held ${Math.round(peak / 1e6)} MB`,
    ).toBeLessThan(0.25);
  },
  120_000,
);
