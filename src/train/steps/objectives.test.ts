/** Several objectives over one store, buffers and estimators, each on something small whose outcome is known. */
import { afterAll, describe, expect, test } from 'vitest';
import {
  add,
  argMin,
  float32,
  gather,
  input,
  maximum,
  mean,
  meanSquaredError,
  minimum,
  mul,
  neg,
  RandomStream,
  reshape,
  sign,
  softplus,
  square,
  stopGradient,
  straightThrough,
  sub,
  sum,
  type Tensor,
} from '../../core/index.ts';
import { BatchNorm2d, Embedding, Linear, Module, type Context } from '../../nn/index.ts';
import { entryValues, namedNormals, plainTraining, trainSteps } from '../../../test/train-steps.ts';
import { createNodeExecutor } from '../../runtime/node.ts';
import { entries, trainedParameters } from './programs.ts';
import { Trainer, type TrainerState, type TrainingTask } from './trainer.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => node.dispose());

const train = (task: TrainingTask, options: object, steps: number, from?: TrainerState) =>
  trainSteps(node, task, options, steps, from);

/** x = scale · z + shift: all that a generator of a Gaussian needs. */
class Generator extends Module {
  readonly map = new Linear(1, 1);
  forward(ctx: Context, z: Tensor): Tensor {
    return this.map.forward(ctx, z);
  }
}

/** A quadratic, the log ratio of two Gaussians. */
class Discriminator extends Module {
  readonly linear = new Linear(1, 1);
  readonly quadratic = new Linear(1, 1, { bias: false });
  forward(ctx: Context, x: Tensor): Tensor {
    return add(this.linear.forward(ctx, x), this.quadratic.forward(ctx, square(x)));
  }
}

class Adversaries extends Module {
  readonly generator = new Generator();
  readonly discriminator = new Discriminator();
  forward(): void {}
}

describe('two networks with two optimizers over one store', () => {
  const B = 256;
  const module = new Adversaries();
  const of = (part: string) => (name: string) => name.startsWith(`${part}.`);
  const fake = (ctx: Context) => module.generator.forward(ctx, input('z', [B, 1]));
  // Non-saturating: −ln σ(D(G(z))) against −ln σ(D(x)) − ln(1 − σ(D(G(z)))).
  const task: TrainingTask = {
    module,
    trainable: of('generator'),
    loss: (ctx) => mean(softplus(neg(module.discriminator.forward(ctx, fake(ctx))))),
    inputs: (batch) => ({
      z: namedNormals([B, 1], 'gan z', batch),
      x: float32(
        [B, 1],
        namedNormals([B, 1], 'gan x', batch).data.map((v) => 1.5 + 0.5 * v),
      ),
    }),
    others: {
      discriminator: {
        trainable: of('discriminator'),
        loss: (ctx) =>
          add(
            mean(softplus(neg(module.discriminator.forward(ctx, input('x', [B, 1]))))),
            mean(softplus(module.discriminator.forward(ctx, stopGradient(fake(ctx))))),
          ),
        optimizer: { betas: [0, 0.9] },
      },
    },
  };
  const options = {
    learningRate: 0.02,
    betas: [0, 0.9],
    optimizer: 'adamw',
    weightDecay: 0,
    ema: { decay: 0.995 },
    groups: [{ names: '^discriminator', weightDecay: 1 }],
  };

  test('learn the mean and the deviation of a Gaussian', async () => {
    const { report, state } = await train(task, { ...options, steps: 2000, lrSchedule: 'cosine' }, 2000);
    const [scale, shift] = [
      state.ema.get('generator.map.weight')!.data[0] as number,
      state.ema.get('generator.map.bias')!.data[0] as number,
    ];
    expect(Math.abs(shift - 1.5)).toBeLessThan(0.1);
    expect(Math.abs(Math.abs(scale) - 0.5)).toBeLessThan(0.1);
    // A discriminator that cannot tell says one half: ln 2 for the generator, twice that for itself.
    expect(Math.abs(report.loss - Math.log(2))).toBeLessThan(0.1);
    expect(Math.abs(report.others!['discriminator']!.loss - 2 * Math.log(2))).toBeLessThan(0.1);
  });

  test('move each only its own', async () => {
    const before = await train(task, options, 1);
    // The rate of one is zero to float32: only the other moves.
    for (const [still, moving] of [
      ['generator', 'discriminator'],
      ['discriminator', 'generator'],
    ] as const) {
      const { state } = await train(
        task,
        { ...options, groups: [{ names: `^${still}`, learningRateScale: 1e-40 }] },
        2,
        before.state,
      );
      for (const [entry, value] of before.state.training) {
        if (!entry.startsWith(entries.parameter)) continue;
        const same = Buffer.from(state.training.get(entry)!.data.buffer).equals(Buffer.from(value.data.buffer));
        expect(same, entry).toBe(entry.startsWith(`params/${still}`));
        expect(entry.startsWith(`params/${still}`) || entry.startsWith(`params/${moving}`)).toBe(true);
      }
    }
  });

  test.each([1, 2])('go on bit for bit from a saved state (%i batches a step)', async (gradientAccumulation) => {
    const settings = { ...options, gradientAccumulation };
    const whole = await train(task, settings, 5);
    const part = await train(task, settings, 2);
    const resumed = await train(task, settings, 3, part.state);
    expect(resumed.report).toEqual(whole.report);
    expect(resumed.state).toEqual(whole.state);
  });

  test('cannot both move a parameter', async () => {
    await expect(Trainer.open(node, { ...task, trainable: () => true }, plainTraining({}))).rejects.toThrow(
      'training: discriminator.linear.weight is moved by both loss and discriminator; select the one that trains it (trainable)',
    );
  });
});

describe('buffers in training', () => {
  class Normalized extends Module {
    readonly norm = new BatchNorm2d(2, { momentum: 0.05 });
    readonly head = new Linear(2, 1);
    forward(ctx: Context, x: Tensor): Tensor {
      return this.head.forward(ctx, mean(this.norm.forward(ctx, x), [2, 3]));
    }
  }
  const module = new Normalized();
  const shape = [16, 2, 3, 3];
  const inputs = (batch: number) => ({
    x: float32(
      shape,
      namedNormals(shape, 'buffers', batch).data.map((v, i) =>
        Math.floor(i / 9) % 2 === 0 ? 4 + 2 * v : -1 + 0.5 * v,
      ),
    ),
  });
  const task: TrainingTask = {
    module,
    loss: (ctx) => mean(square(sub(module.forward(ctx, input('x', shape)), 1))),
    inputs,
  };

  test.each([1, 2])(
    'come to the statistics of the data, are saved and averaged as they are, and have no moments (%i batches a step)',
    async (gradientAccumulation) => {
      const { state, held } = await train(task, { gradientAccumulation, learningRate: 0.01 }, 200);
      // A running mean of about 2 / 0.05 batches of 144 values: four standard errors.
      const [mean0, mean1] = entryValues(state, 'params/norm.running_mean');
      expect(Math.abs(mean0! - 4)).toBeLessThan((4 * 2) / Math.sqrt(40 * 144));
      expect(Math.abs(mean1! + 1)).toBeLessThan((4 * 0.5) / Math.sqrt(40 * 144));
      const [variance0, variance1] = entryValues(state, 'params/norm.running_var');
      expect(Math.abs(variance0! / 4 - 1)).toBeLessThan(4 * Math.sqrt(2 / (40 * 144)));
      expect(Math.abs(variance1! / 0.25 - 1)).toBeLessThan(4 * Math.sqrt(2 / (40 * 144)));
      expect(entryValues(state, 'params/norm.num_batches_tracked')).toEqual([200 * gradientAccumulation]);
      for (const buffer of ['running_mean', 'running_var', 'num_batches_tracked']) {
        expect(state.ema.get(`norm.${buffer}`)!.data).toEqual(state.training.get(`params/norm.${buffer}`)!.data);
        expect(held.filter((entry) => entry.endsWith(buffer))).toEqual([`params/norm.${buffer}`, `ema/norm.${buffer}`]);
      }
      expect([...trainedParameters({ module, optimizer: { betas: [0, 0], eps: 1, weightDecay: 0 } }).keys()]).toEqual([
        'norm.weight',
        'norm.bias',
        'head.weight',
        'head.bias',
      ]);
    },
  );

  test('go on from a saved state bit for bit', async () => {
    const whole = await train(task, {}, 4);
    const part = await train(task, {}, 2);
    expect((await train(task, {}, 2, part.state)).state).toEqual(whole.state);
  });
});

describe('straight through', () => {
  const B = 64;
  /** Points near the corners of a square that is turned and shifted: two bits, and noise that no code can hold. */
  const points = (batch: number) => {
    const random = new RandomStream(6, 'corners', batch);
    return float32(
      [B, 2],
      Array.from({ length: B }, () => {
        const [a, b] = [random.integer(2) * 2 - 1, random.integer(2) * 2 - 1];
        return [0.6 * a - 0.8 * b + 0.3 + 0.05 * random.normal(), 0.8 * a + 0.6 * b + 0.05 * random.normal()];
      }).flat(),
    );
  };

  class Binary extends Module {
    readonly encoder = new Linear(2, 2);
    readonly decoder = new Linear(2, 2);
    forward(ctx: Context, x: Tensor): Tensor {
      const h = this.encoder.forward(ctx, x);
      // Beyond ±1 the gradient would only push further.
      return this.decoder.forward(ctx, straightThrough(sign(h), minimum(maximum(h, -1), 1)));
    }
  }

  test('trains a binary code: two bits hold all but the noise', async () => {
    const module = new Binary();
    const { report } = await train(
      {
        module,
        loss: (ctx) => meanSquaredError(module.forward(ctx, input('x', [B, 2])), input('x', [B, 2])),
        inputs: (batch) => ({ x: points(batch) }),
      },
      { learningRate: 0.02, steps: 600, lrSchedule: 'cosine' },
      600,
    );
    // The noise has variance 0.0025; without a code the error is 1.
    expect(report.loss).toBeLessThan(0.004);
  });

  class Quantized extends Module {
    readonly encoder = new Linear(2, 2);
    readonly codebook = new Embedding(4, 2);
    readonly decoder = new Linear(2, 2);
    forward(ctx: Context, x: Tensor): { y: Tensor; commitment: Tensor; codes: Tensor } {
      const h = this.encoder.forward(ctx, x);
      const table = ctx.param(this.codebook.weight);
      const distances = sub(sum(square(table), [1]), mul(2, sum(mul(reshape(h, [B, 1, 2]), table), [2])));
      const codes = argMin(distances, 1);
      const found = gather(table, codes);
      const commitment = add(
        meanSquaredError(found, stopGradient(h)),
        mul(0.25, meanSquaredError(h, stopGradient(found))),
      );
      return { y: this.decoder.forward(ctx, straightThrough(found, h)), commitment, codes };
    }
  }

  test('trains a codebook of four vectors: each becomes one corner', async () => {
    const module = new Quantized();
    const task: TrainingTask = {
      module,
      loss(ctx) {
        const { y, commitment } = module.forward(ctx, input('x', [B, 2]));
        return add(meanSquaredError(y, input('x', [B, 2])), commitment);
      },
      inputs: (batch) => ({ x: points(batch) }),
    };
    const { report } = await train(task, { learningRate: 0.02, steps: 600, lrSchedule: 'cosine' }, 600);
    expect(report.loss).toBeLessThan(0.01);
  });
});
