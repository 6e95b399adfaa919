import fc from 'fast-check';
import { expect, test } from 'vitest';
import { samplers, type SamplerName } from '../diffusion/index.ts';
import {
  fromHash,
  largestSeed,
  longestPrompt,
  mostGuidance,
  mostImages,
  takesEta,
  toHash,
  defaultEta,
  defaultSteps,
  type Limits,
  type Settings,
} from './settings.ts';

const limits: Limits = {
  steps: 1000,
  classes: ['sun', 'moon'],
  text: true,
  prompt: 'a sun',
  fields: [
    { name: 'style', values: ['filled', 'outline'] },
    { name: 'set', values: ['tabler'] },
  ],
  guided: true,
  webgpu: true,
  sampling: { sampler: 'dpmpp-2m', steps: 25 },
};

test('an address says all that was chosen', () => {
  const settings = fc.record({
    seed: fc.integer({ min: 0, max: largestSeed }),
    count: fc.integer({ min: 1, max: mostImages }),
    sampler: fc.constantFrom(...(Object.keys(samplers) as SamplerName[])),
    steps: fc.integer({ min: 1, max: limits.steps }),
    eta: fc.double({ min: 0, max: 1, noNaN: true }),
    class: fc.constantFrom(null, 0, 1),
    guidance: fc.double({ min: 1, max: mostGuidance, noNaN: true }),
    device: fc.constantFrom('wasm' as const, 'webgpu' as const),
    // The form trims what is typed, and asks for a prompt.
    prompt: fc.string({ minLength: 1 }).map((text) => `${text}.`.trim()),
    negativePrompt: fc.string().map((text) => text.trim()),
    styles: fc.constantFrom([], ['outline'], ['tabler'], ['filled', 'tabler']),
  });
  fc.assert(
    fc.property(settings, (chosen) => {
      // A sampler without η has its own.
      const expected: Settings = takesEta(chosen.sampler) ? chosen : { ...chosen, eta: defaultEta(chosen.sampler) };
      expect(fromHash(toHash(chosen, limits), limits)).toEqual(expected);
    }),
  );
});

test('whatever an address says, the settings are ones that can be drawn', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc
          .array(
            fc.tuple(
              fc.constantFrom(
                'seed',
                'count',
                'sampler',
                'steps',
                'eta',
                'class',
                'guidance',
                'device',
                'prompt',
                'negative',
                'styles',
              ),
              fc.string(),
            ),
          )
          .map((fields) => new URLSearchParams(fields).toString()),
      ),
      (text) => {
        const {
          seed,
          count,
          sampler,
          steps,
          eta,
          class: label,
          guidance,
          device,
          ...said
        } = fromHash(`#${text}`, { ...limits, classes: [], text: false, fields: [], guided: false, webgpu: false });
        expect([seed, count, steps].every(Number.isInteger)).toBe(true);
        expect(
          seed >= 0 &&
            seed <= largestSeed &&
            count >= 1 &&
            count <= mostImages &&
            steps >= 1 &&
            steps <= limits.steps &&
            eta >= 0 &&
            eta <= 1,
        ).toBe(true);
        expect(said).toEqual({ prompt: '', negativePrompt: '', styles: [] });
        expect(Object.keys(samplers)).toContain(sampler);
        expect({ label, guidance, device }).toEqual({ label: null, guidance: 1, device: 'wasm' });
      },
    ),
  );
});

test('a sampler begins with its usual steps, as far as the model has so many', () => {
  expect(defaultSteps('ddim', limits)).toBe(50);
  expect(defaultSteps('ddpm', limits)).toBe(100);
  expect(defaultSteps('ddpm', { ...limits, steps: 30 })).toBe(30);
});

test('a seed of any size that the command line takes is the same in an address', () => {
  for (const seed of [2 ** 32, 2 ** 40 + 1, Number.MAX_SAFE_INTEGER]) {
    expect(fromHash(`#seed=${seed}`, limits).seed).toBe(seed);
  }
});

test('a prompt is what was said, or what the page begins with', () => {
  expect(fromHash('', limits).prompt).toBe('a sun');
  expect(fromHash('#prompt=a+moon&styles=tabler,none,outline', limits)).toMatchObject({
    prompt: 'a moon',
    styles: ['outline', 'tabler'],
  });
  expect(fromHash(`#prompt=${'x'.repeat(9999)}`, limits).prompt).toHaveLength(longestPrompt);
});

test('guidance begins with what the model is best sampled with', () => {
  const sampling = { ...limits.sampling, guidanceScale: 3 };
  expect(fromHash('', { ...limits, sampling }).guidance).toBe(3);
  expect(fromHash('#guidance=1', { ...limits, sampling }).guidance).toBe(1);
  expect(fromHash('', { ...limits, sampling, guided: false }).guidance).toBe(1);
});
