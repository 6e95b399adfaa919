import { describe, expect, test } from 'vitest';
import {
  bandsOf,
  readMargins,
  weightGradCosts,
  weightGradStrategy,
  type WeightGradProblem,
} from './weight-grad-strategy.ts';

interface Convolution {
  readonly kernel: 1 | 3;
  readonly stride?: 1 | 2;
  readonly channels: number | readonly [number, number];
  readonly side: number;
  readonly batch: number;
}

/** A convolution of square images, padded as in a U-Net. */
function problem(
  { kernel, stride = 1, channels, side, batch }: Convolution,
  more: Partial<WeightGradProblem> = {},
): WeightGradProblem {
  const [inChannels, outChannels] = typeof channels === 'number' ? [channels, channels] : channels;
  return {
    block: 16,
    batch,
    inChannels,
    outChannels,
    image: [side, side],
    output: [Math.ceil(side / stride), Math.ceil(side / stride)],
    kernel: [kernel, kernel],
    strides: [stride, stride],
    pads: kernel === 1 ? [0, 0, 0, 0] : stride === 1 ? [1, 1, 1, 1] : [0, 0, 1, 1],
    dilations: [1, 1],
    groups: 1,
    arriveBlocked: [true, true],
    ...more,
  };
}

describe('where the cheapest way changes', () => {
  test('by the batch: it fills a block, its images are cut into bands, they have too few rows for that', () => {
    const of = (batch: number) => weightGradStrategy(problem({ kernel: 3, channels: 64, side: 8, batch }));
    expect([48, 32, 16].map(of)).toEqual(['blocked', 'blocked', 'blocked']);
    expect([24, 8, 2].map(of)).toEqual(['bands', 'bands', 'bands']);
    expect([15, 3, 1].map(of)).toEqual(['taps', 'taps', 'taps']);
  });

  test('of one pixel by the images: products of small images cost more to add up than to make', () => {
    const of = (side: number, channels: number) => weightGradStrategy(problem({ kernel: 1, channels, side, batch: 8 }));
    expect([8, 16].map((side) => of(side, 128))).toEqual(['pixels', 'images']);
    expect([16, 32].map((side) => of(side, 256))).toEqual(['pixels', 'images']);
  });

  test('of one pixel by the channels: there is more to add up', () => {
    expect(
      [128, 256].map((channels) => weightGradStrategy(problem({ kernel: 1, channels, side: 16, batch: 8 }))),
    ).toEqual(['images', 'pixels']);
  });

  test('of one pixel by the batch: of one image there is nothing to add up', () => {
    expect([1, 2].map((batch) => weightGradStrategy(problem({ kernel: 1, channels: 128, side: 8, batch })))).toEqual([
      'images',
      'pixels',
    ]);
  });

  test('of one pixel where a batch is one block: a convolution need not bring blocks of the batch together', () => {
    expect([16, 32].map((batch) => weightGradStrategy(problem({ kernel: 1, channels: 64, side: 8, batch })))).toEqual([
      'blocked',
      'pixels',
    ]);
  });

  test('of one pixel and stride 2 by the pixels that are taken', () => {
    expect(
      [16, 32].map((side) => weightGradStrategy(problem({ kernel: 1, stride: 2, channels: 128, side, batch: 16 }))),
    ).toEqual(['pixels', 'images']);
  });

  test('of one pixel by how images arrive: what is in order need not be put there', () => {
    const of = (arriveBlocked: readonly [boolean, boolean]) =>
      weightGradStrategy(problem({ kernel: 1, channels: 256, side: 16, batch: 4 }, { arriveBlocked }));
    expect([of([true, true]), of([false, false])]).toEqual(['pixels', 'images']);
  });
});

describe('what the shapes allow', () => {
  const ways = (convolution: Convolution, more?: Partial<WeightGradProblem>) =>
    Object.keys(weightGradCosts(problem(convolution, more)));
  const usual = { kernel: 3, channels: 64, side: 8, batch: 16 } as const;

  test('a convolution takes whole blocks of channels, no dilation and no groups', () => {
    expect(ways(usual)).toEqual(['taps', 'blocked']);
    expect(ways({ ...usual, channels: [64, 3] })).toEqual(['taps']);
    expect(ways({ ...usual, channels: [3, 64] })).toEqual(['taps']);
    expect(ways(usual, { dilations: [2, 2], pads: [2, 2, 2, 2] })).toEqual(['taps']);
    expect(ways(usual, { groups: 4 })).toEqual(['taps']);
  });

  test('products of images take any channels, products of pixels whole blocks, neither takes padding', () => {
    const one = { kernel: 1, channels: 64, side: 8, batch: 3 } as const;
    expect(ways(one)).toEqual(['taps', 'pixels', 'images']);
    expect(ways({ ...one, channels: [64, 10] })).toEqual(['taps', 'images']);
    expect(ways(one, { pads: [1, 1, 1, 1], output: [10, 10] })).toEqual(['taps']);
  });

  test('a block of another size takes other batches', () => {
    expect(ways({ ...usual, batch: 8 }, { block: 8 })).toEqual(['taps', 'blocked']);
    expect(ways({ ...usual, batch: 8 })).toEqual(['taps', 'bands']);
  });

  test('bands fill blocks with as few cuts as can be', () => {
    expect([1, 2, 3, 8, 12, 16, 24, 32].map((batch) => bandsOf(batch, 16))).toEqual([16, 8, 16, 2, 4, 1, 2, 1]);
  });

  test('padding that no tap reads does not count', () => {
    expect(readMargins({ image: [4, 6], output: [2, 3], kernel: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] })).toEqual(
      { below: 0, after: 0 },
    );
    expect(readMargins({ image: [4, 5], output: [2, 3], kernel: [1, 1], strides: [2, 2], pads: [0, 0, 0, 0] })).toEqual(
      { below: -1, after: 0 },
    );
  });
});

test('every estimate is positive, and the choice is the least of them', () => {
  for (const kernel of [1, 3] as const)
    for (const stride of [1, 2] as const)
      for (const channels of [5, 16, 96, 512])
        for (const side of [4, 9, 32])
          for (const batch of [1, 3, 16, 40]) {
            for (const arriveBlocked of [
              [true, true],
              [true, false],
              [false, true],
              [false, false],
            ] as const) {
              const one = problem({ kernel, stride, channels, side, batch }, { arriveBlocked });
              const costs = weightGradCosts(one);
              for (const cost of Object.values(costs)) expect(cost).toBeGreaterThan(0);
              expect(costs[weightGradStrategy(one)]).toBe(Math.min(...Object.values(costs)));
            }
          }
});
