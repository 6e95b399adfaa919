/** A sampler added as ARCHITECTURE's recipe says, by its row alone: help, page, messages, colors and the conformance suite have it. */
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { rowColor } from '../src/cli/sample/lay-comparison.ts';
import { addSamplerOptions, checkSamplerOptions, samplerHelp } from '../src/cli/sampling-options.ts';
import {
  evaluationsOf,
  linearSchedule,
  rescaleZeroTerminalSnr,
  samplerNamed,
  samplers,
  samplersWhich,
  samplerTimesteps,
  type Denoiser,
  type SamplerOptions,
  type SamplerState,
  type SamplerTable,
} from '../src/diffusion/index.ts';
import { float32, type FloatArray } from '../src/core/index.ts';
import { checkSampler } from '../src/diffusion/samplers/sampler.ts';
import { transitions } from '../src/diffusion/timesteps.ts';
import { samplerChoices } from '../src/page/settings.ts';
import { weightedSum } from '../src/diffusion/array-arithmetic.ts';
import { samplerConformance } from './sampler-conformance.ts';

/** Euler's method once more, written as a stranger would: x_s = α_s x̂_0 + σ_s ε̂. */
async function* plain(
  denoise: Denoiser,
  xT: FloatArray,
  options: SamplerOptions,
): AsyncGenerator<SamplerState, void, undefined> {
  checkSampler('plain', xT, options);
  const { schedule, timesteps, streams, signal } = options;
  let xt = xT;
  for (const [step, { t, s }] of transitions(timesteps, schedule).entries()) {
    signal?.throwIfAborted();
    const { x0, eps } = await denoise(
      xt,
      streams.map(() => t),
      options,
    );
    xt = weightedSum(xt.shape, [schedule.alpha(s), x0.data], [schedule.sigma(s), eps.data]);
    yield { step, t: s, xt, x0 };
  }
}

const table: SamplerTable = {
  ...samplers,
  plain: {
    run: plain,
    title: 'Plain',
    hint: 'As a stranger writes it.',
    evaluations: 1,
    steps: 33,
    spacing: 'trailing',
    takes: ['churn'],
    needsSignal: true,
  },
};

samplerConformance({ plain: table['plain']! });

describe('a sampler that is a row', () => {
  test('stands in the help, with its steps and what it takes', () => {
    const { sampler, steps } = samplerHelp(table);
    expect(sampler).toMatch(/unipc, plain; default/);
    expect(steps).toContain('33 for plain');
    const help = addSamplerOptions(new Command('sample'), table).helpInformation().replace(/\s+/g, ' ');
    expect(help).toContain('unipc, plain; default');
    expect(help).toContain('stochasticity S_churn (EDM) of heun and plain');
  });

  test('stands in the page, under its title, with its hint', () => {
    expect(samplerChoices(table).at(-1)).toEqual({ name: 'plain', title: 'Plain', hint: 'As a stranger writes it.' });
  });

  test('stands in messages: among the names, for a slip of the finger, and for who takes what', () => {
    expect(() => samplerNamed('foo', table)).toThrow(/one of ddpm, .*, unipc, plain$/);
    expect(() => samplerNamed('plan', table)).toThrow('unknown sampler "plan"; did you mean plain?');
    expect(() => checkSamplerOptions({ sampler: 'ddim', churn: 1 }, table)).toThrow('add --sampler heun or plain');
    expect(() => checkSamplerOptions({ sampler: 'plain', churn: 1 }, table)).not.toThrow();
    const silent = rescaleZeroTerminalSnr(linearSchedule());
    expect(() => samplerTimesteps(samplerNamed('plain', table), silent, { steps: 4 })).toThrow(
      /^plain: at time 999 no signal is left .* take ddpm, .* or unipc, with the trailing spacing/,
    );
  });

  test('has a color of its own, and its evaluations are counted', () => {
    const colors = Object.keys(table).map((_, row) => rowColor(row));
    expect(new Set(colors).size).toBe(colors.length);
    expect(evaluationsOf(samplerNamed('plain', table), 33)).toBe(33);
    expect(samplersWhich(({ random }) => !random, table).map(({ name }) => name)).toContain('plain');
  });
});

/** It really is Euler's. */
test('it samples', async () => {
  const schedule = linearSchedule({ T: 100 });
  const still: Denoiser = async (xt) => ({ x0: xt, eps: float32(xt.shape) });
  const states: SamplerState[] = [];
  for await (const state of plain(still, float32([1, 1], [2]), {
    schedule,
    timesteps: [9, 4],
    streams: [{ fillNormal: (out) => out }],
  }))
    states.push(state);
  expect(states.map(({ xt }) => xt.data[0])).toEqual([
    Math.fround(2 * schedule.alpha(4)),
    Math.fround(2 * schedule.alpha(4)),
  ]);
});
