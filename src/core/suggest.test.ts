import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearest, unknownName } from './suggest.ts';

describe('editDistance', () => {
  it('counts an insertion, a deletion, a substitution and a swap as one each', () => {
    expect(editDistance('euler', 'eulr')).toBe(1);
    expect(editDistance('eulr', 'euler')).toBe(1);
    expect(editDistance('euler', 'eulor')).toBe(1);
    expect(editDistance('euler', 'eluer')).toBe(1);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('', 'abc')).toBe(3);
  });

  it('is symmetric and zero only for equal words', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
      }),
    );
  });
});

describe('nearest', () => {
  const samplers = ['ddpm', 'ddim', 'euler', 'heun', 'dpm-solver++'];

  it('finds the word that was meant', () => {
    expect(nearest('eulr', samplers)).toBe('euler');
    expect(nearest('DDIM', samplers)).toBe('ddim');
    expect(nearest('noto-emojy', ['noto-emoji'])).toBe('noto-emoji');
    expect(nearest('noto', ['noto-emoji'])).toBe('noto-emoji');
  });

  it('prefers a small slip to a shared beginning', () => {
    expect(nearest('face', ['face-smiling', 'faces'])).toBe('faces');
  });

  it('suggests nothing for a word that is near to none', () => {
    expect(nearest('picasso', samplers)).toBeUndefined();
    expect(nearest('x'.repeat(100_000), samplers)).toBeUndefined();
    expect(nearest('euler', [])).toBeUndefined();
  });
});

describe('unknownName', () => {
  it('names the near one, or lists what there is', () => {
    expect(unknownName('sampler', 'eulr', ['ddpm', 'euler'])).toBe('unknown sampler "eulr"; did you mean euler?');
    expect(unknownName('sampler', 'picasso', ['ddpm', 'euler'])).toBe('unknown sampler "picasso"; one of ddpm, euler');
  });
});
