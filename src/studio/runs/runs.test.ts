import { describe, expect, test } from 'vitest';
import { numberText, rangeOf, smoothed } from './curves.ts';
import { settingRows } from './settings-table.ts';

describe('curves of runs', () => {
  test('a constant stays what it is however it is smoothed', () => {
    const constant = Array.from({ length: 9 }, (_, i) => [i + 1, 3] as const);
    for (const [, value] of smoothed(constant, 0.9)) expect(value).toBeCloseTo(3, 12);
  });

  test('without smoothing a curve is itself', () => {
    const points = [
      [1, 4],
      [2, -1],
    ] as const;
    expect(smoothed(points, 0)).toEqual(points);
  });

  test('an outlier in fifty does not decide the range', () => {
    const points = Array.from({ length: 100 }, (_, i) => [i, i === 3 ? 1000 : 1 + i / 100] as const);
    const [least, most] = rangeOf([points], false);
    expect(least).toBeLessThan(1);
    expect(most).toBeLessThan(2.1);
  });

  test('a constant that was smoothed has the range of a constant', () => {
    const constant = Array.from({ length: 12 }, (_, i) => [i + 1, 2] as const);
    const [least, most] = rangeOf([smoothed(constant, 0.6)], false);
    expect(least).toBeCloseTo(1.9, 9);
    expect(most).toBeCloseTo(2.1, 9);
  });

  test('a logarithmic range is positive, and one value has room', () => {
    expect(rangeOf([[[1, 0]]], true)).toEqual([0.1, 1]);
    expect(rangeOf([[[1, 2]]], true)).toEqual([1, 4]);
    expect(rangeOf([[[1, 2]]], false)).toEqual([1.9, 2.1]);
  });

  test('numbers have the digits that people read', () => {
    expect([0, 0.001234, 0.00001234, 123.456, 12345678].map(numberText)).toEqual([
      '0',
      '0.001234',
      '1.23e-5',
      '123.5',
      '1.23e+7',
    ]);
  });
});

test('settings stand next to each other, and those that differ say so', () => {
  expect(
    settingRows([
      { task: 'ddpm', train: { steps: 10, betas: [0.9, 0.99] } },
      { task: 'ddpm', train: { steps: 20, betas: [0.9, 0.99], seed: null } },
    ]),
  ).toEqual([
    { name: 'task', values: ['ddpm', 'ddpm'], differs: false },
    { name: 'train.steps', values: ['10', '20'], differs: true },
    { name: 'train.betas', values: ['[0.9,0.99]', '[0.9,0.99]'], differs: false },
    { name: 'train.seed', values: [undefined, 'null'], differs: true },
  ]);
});
