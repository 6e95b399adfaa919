import { z } from 'zod';
import { namedParameters, type Module } from '../../nn/index.ts';
import { resumable } from '../resumable.ts';
import type { AdamOptions, ParameterPredicate } from './optimizer.ts';

const positiveInteger = z.number().int().positive();
const count = z.number().int().nonnegative();
const positive = z.number().positive();
const fraction = z.number().min(0).lt(1);

/** The optimization of any run. Every default says where it comes from. */
export const trainSchema = z.strictObject({
  /** Updates of the weights. @unit updates */
  steps: positiveInteger.meta(resumable),
  /** Images of one forward pass. @unit images */
  batchSize: positiveInteger.default(32),
  /** Batches averaged into one update. @unit batches */
  gradientAccumulation: positiveInteger.default(1),
  /** Seed of the first weights, of batches, noise and dropout. */
  seed: count.default(0),
  /** A trained model to begin with, by name or by its folder: of the same network, whose weights take the place of random ones; null draws those. Of a whole DALL·E 2 it is the part that is trained. */
  init: z.string().nullable().default(null).meta(resumable),
  /** `adamw` decays weights apart from the gradients. */
  optimizer: z.enum(['adam', 'adamw']).default('adam'), // Ho et al., appendix B
  /** The learning rate after the warm-up. */
  learningRate: positive.default(2e-4), // Ho et al., CIFAR-10
  /** Decay of Adam's averages of the gradient and of its square. */
  betas: z.tuple([fraction, fraction]).default([0.9, 0.999]), // Kingma & Ba 2015
  /** Added to Adam's denominator. */
  eps: positive.default(1e-8), // Kingma & Ba 2015
  /** Decay of the weights per update, times the learning rate; of `adamw` alone. */
  weightDecay: z.number().nonnegative().default(0.01), // AdamW's; Adam has none
  /** Parameters with settings of their own; one belongs to the first group that it fits. */
  groups: z
    .array(
      z.strictObject({
        /** A regular expression for their checkpoint names, found anywhere in them; default all. */
        names: z.string().refine(isRegularExpression, { error: 'expected a regular expression' }).optional(),
        /** Only those of at most so many axes: 1 is biases, and gains and shifts of norms. */
        maxRank: count.optional(),
        /** Multiplies the learning rate. */
        learningRateScale: positive.optional(),
        /** In place of the whole run's; needs `adamw`. */
        weightDecay: z.number().nonnegative().optional(),
        /** True keeps their values as they are. */
        frozen: z.boolean().optional(),
      }),
    )
    .default([]),
  /** How the learning rate goes on after the warm-up: constant, or along half a cosine to zero at the last step. */
  lrSchedule: z.enum(['constant', 'cosine']).default('constant'),
  /** Updates in which the learning rate grows from zero. @unit updates */
  warmupSteps: count.default(500), // Ho et al. take 5,000 of 800,000
  /** Largest global norm of the gradients; null does not clip. */
  clipNorm: positive.nullable().default(1), // Ho et al., released code
  /** The moving average of the weights, with which samples are generated. */
  ema: z
    .strictObject({
      /** The largest share of the old average that an update keeps. */
      decay: fraction.default(0.9999), // Ho et al., appendix B
      /** Let the decay grow with the updates: 1 − (1 + updates / invGamma)^−power, up to `decay`. */
      useEmaWarmup: z.boolean().default(true),
      /** Of the warm-up. @unit updates */
      invGamma: positive.default(1), // diffusers' EMAModel
      /** Of the warm-up. */
      power: positive.default(0.75), // reaches 0.999 after 10,000 updates
    })
    .prefault({}),
  /** Compute what is cheap again for the gradients instead of keeping it: half the memory of a batch, a little slower. */
  recompute: z.boolean().default(false),
  /** Updates between checkpoints. @unit updates */
  checkpointEvery: positiveInteger.default(1000).meta(resumable),
  /** Checkpoints kept, the newest ones; null keeps all. @unit checkpoints */
  keepCheckpoints: positiveInteger.nullable().default(3).meta(resumable),
  /** Updates between measurements of the model; null makes none. @unit updates */
  evaluateEvery: positiveInteger.nullable().default(null).meta(resumable),
});

function isRegularExpression(text: string): boolean {
  try {
    return new RegExp(text) instanceof RegExp;
  } catch {
    return false;
  }
}

/** A checked `train` section with every default filled in. */
export type TrainConfig = z.output<typeof trainSchema>;

/**
 * The optimizer that a configuration describes, for the parameters of a module.
 *
 * @throws if a group fits no parameter, or is to decay under an optimizer that does not
 */
export function optimizerOptions(
  {
    optimizer,
    betas,
    eps,
    weightDecay,
    groups,
  }: Pick<TrainConfig, 'optimizer' | 'betas' | 'eps' | 'weightDecay' | 'groups'>,
  module: Module,
): AdamOptions {
  const parameters = [...namedParameters(module)].filter(([, { kind }]) => kind === 'parameter');
  return {
    betas,
    eps,
    weightDecay: optimizer === 'adamw' ? weightDecay : 0,
    groups: groups.map(({ names, maxRank = Infinity, learningRateScale, weightDecay: decay, frozen }, i) => {
      const pattern = new RegExp(names ?? '');
      const match: ParameterPredicate = (name, shape) => pattern.test(name) && shape.length <= maxRank;
      if (!parameters.some(([name, { shape }]) => match(name, shape)))
        throw new Error(`train.groups[${i}]: fits no parameter; one is called ${JSON.stringify(parameters[0]?.[0])}`);
      if (decay !== undefined && decay > 0 && optimizer !== 'adamw')
        throw new Error(
          `train.groups[${i}]: weightDecay is ${decay}, but ${optimizer} does not decay; take "optimizer": "adamw"`,
        );
      return {
        match,
        ...(learningRateScale !== undefined && { learningRateScale }),
        ...(decay !== undefined && { weightDecay: decay }),
        ...(frozen !== undefined && { frozen }),
      };
    }),
  };
}
