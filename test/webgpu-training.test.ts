import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { Executor, HostArrays } from '../src/core/index.ts';
import { toBitmaps } from '../src/data/index.ts';
import { classConditions, schedulerConfig } from '../src/diffusion/index.ts';
import { sampleImages, openSampler } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { Trainer } from '../src/train/index.ts';
import { config, start, task, unet, weights } from './small-training.ts';
import { skipped, swiftShader } from './swift-shader.ts';

const executors = {
  cpu: createNodeExecutor({ threads: 2 }),
  webgpu: createNodeExecutor({ device: 'webgpu', env: swiftShader ?? {} }),
};
afterAll(() => Promise.all(Object.values(executors).map((executor) => executor.dispose())));

/** ‖a − b‖ / ‖b − c‖, over all weights: how much of the way b has come from c is in doubt. */
function difference(a: HostArrays, b: HostArrays, c: HostArrays): number {
  let [apart, way] = [0, 0];
  for (const [name, { data }] of b) {
    data.forEach((value, i) => {
      apart += (Number(a.get(name)!.data[i]) - Number(value)) ** 2;
      way += (Number(value) - Number(c.get(name)!.data[i])) ** 2;
    });
  }
  return Math.sqrt(apart / way);
}

describe.skipIf(!swiftShader)(`on WebGPU${skipped}`, () => {
  test('training gives the losses and weights of the processor', { timeout: 120_000 }, async () => {
    const run = async (executor: Executor, steps = 4) => {
      const trainer = await Trainer.open(executor, task, config, start);
      const losses: number[] = [];
      while (trainer.step < steps) losses.push((await trainer.advance()).loss);
      const { ema, training } = await trainer.state();
      await trainer.dispose();
      return {
        losses,
        ema,
        params: new Map(
          [...training].filter(([name]) => name.startsWith('params/')).map(([name, value]) => [name.slice(7), value]),
        ),
      };
    };
    const [onCpu, onGpu] = [await run(executors.cpu), await run(executors.webgpu)];
    onCpu.losses.forEach((loss, i) => expect(Math.abs(onGpu.losses[i]! / loss - 1), `step ${i}`).toBeLessThan(1e-5));
    // Adam divides by the gradient's size: of a weight whose gradient is rounding, the first steps are too.
    expect(difference(onGpu.params, onCpu.params, weights)).toBeLessThan(1e-3);
  });

  test(
    'a training step is computed there to the last operator, and only inputs, losses and norm cross the host',
    { timeout: 120_000 },
    async () => {
      // Into a file: of megabytes into a pipe that Node holds open, lines get lost.
      const folder = mkdtempSync(join(tmpdir(), 'kuosan-placement-'));
      const log = join(folder, 'log');
      const child = spawn(
        process.execPath,
        ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('./webgpu-step.ts', import.meta.url))],
        { env: { ...process.env, ...swiftShader }, stdio: ['ignore', 'pipe', openSync(log, 'w')] },
      );
      const [placed, status] = await Promise.all([text(child.stdout!), once(child, 'close')]);
      const told = readFileSync(log, 'utf8');
      rmSync(folder, { recursive: true });
      expect(status, told.slice(-2000)).toEqual([0, null]);
      // ONNX Runtime lists the nodes of each session by provider, or says that all are with one.
      const placements = [...told.matchAll(/(All nodes|Node\(s\)) placed on \[(\w+)\]. Number of nodes: (\d+)/g)].map(
        ([, which, provider, count]) => ({ which, provider, count: Number(count) }),
      );
      expect(
        placements.filter(({ which, provider }) => which !== 'All nodes' || provider !== 'WebGpuExecutionProvider'),
      ).toEqual([]);
      expect(Math.max(...placements.map(({ count }) => count))).toBeGreaterThan(1000);
      expect(told).not.toMatch(/Add Memcpy(From|To)Host/);
      const { feeds, results } = JSON.parse(placed) as Record<'feeds' | 'results', Record<string, string>>;
      const at = (tensors: Record<string, string>, location: string) =>
        Object.keys(tensors)
          .filter((name) => tensors[name] === location)
          .sort();
      expect(at(feeds, 'cpu')).toEqual([
        'class_labels',
        'correction1',
        'correction2',
        'learningRate',
        'noise',
        'noiseScale',
        'oneMinusEmaDecay',
        'signalScale',
        'timestep',
        'x0',
      ]);
      expect(at(results, 'cpu')).toEqual(['gradNorm', 'loss', 'sampleLoss']);
      expect(at(feeds, 'gpu-buffer').map((name) => name.replace('state:', 'next:'))).toEqual(at(results, 'gpu-buffer'));
      expect(at(results, 'gpu-buffer')).toHaveLength(4 * weights.size);
    },
  );

  test('deterministic sampling generates the same images', { timeout: 120_000 }, async () => {
    // A network that predicts the image itself: one that has learned nothing of ε draws black and white.
    const scheduler = schedulerConfig({ betaSchedule: 'linear', predictionType: 'sample' });
    const draw = async (executor: Executor) => {
      const sampler = await openSampler(executor, { network: unet, scheduler, weights, batchSize: 4 });
      const drawn = await sampleImages(sampler, {
        seed: 3,
        count: 4,
        sampler: 'ddim',
        steps: 4,
        conditions: classConditions([0, 1, 2, 0]),
      });
      await sampler.dispose();
      return toBitmaps(drawn).flatMap(({ data }) => [...data]);
    };
    const [onCpu, onGpu] = [await draw(executors.cpu), await draw(executors.webgpu)];
    expect(new Set(onCpu).size).toBeGreaterThan(100);
    const far = onCpu.filter((byte, i) => Math.abs(byte - onGpu[i]!) > 1).length;
    expect(far / onCpu.length).toBeLessThanOrEqual(0.001);
  });
});
