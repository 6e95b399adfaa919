import { expect, test } from 'vitest';
import { costOf, type TracedType } from './cost.ts';

const float = (...shape: number[]): TracedType => ({ dtype: 'float', shape });

test('a product of 5 × 7 and 7 × 11 takes 2 · 5 · 7 · 11 operations, however A is stored and whether B is packed or not', () => {
  const flops = 2 * 5 * 7 * 11;
  const bytes = 4 * (35 + 77 + 55);
  expect(costOf('MatMul', [float(5, 7), float(7, 11)], [float(5, 11)])).toEqual({ flops, bytes });
  expect(costOf('Gemm', [float(7, 5), float(7, 11)], [float(5, 11)])).toEqual({ flops, bytes });
  expect(costOf('Gemm', [float(5, 7)], [float(5, 11)])).toEqual({ flops, bytes });
  expect(costOf('MatMul', [float(3, 5, 7), float(3, 7, 11)], [float(3, 5, 11)]).flops).toBe(3 * flops);
});

test('a convolution sums over its kernel for each output, also in groups; its transpose likewise for each input', () => {
  expect(costOf('Conv', [float(2, 6, 8, 8), float(4, 6, 3, 3)], [float(2, 4, 8, 8)]).flops).toBe(2 * 2 * 4 * 64 * 54);
  expect(costOf('Conv', [float(2, 6, 8, 8), float(6, 1, 3, 3)], [float(2, 6, 8, 8)]).flops).toBe(2 * 2 * 6 * 64 * 9);
  expect(costOf('ConvTranspose', [float(2, 4, 8, 8), float(4, 6, 3, 3)], [float(2, 6, 17, 17)]).flops).toBe(
    2 * 2 * 4 * 64 * 54,
  );
});

test('a convolution whose weight is not in the trace has unknown operations', () => {
  expect(costOf('Conv', [float(2, 6, 8, 8)], [float(2, 4, 8, 8)]).flops).toBeNaN();
});

test('what moves computes nothing, a view moves nothing, and a slice reads what it returns', () => {
  expect(costOf('Transpose', [float(4, 5)], [float(5, 4)])).toEqual({ flops: 0, bytes: 160 });
  expect(costOf('Reshape', [float(4, 5)], [float(20)])).toEqual({ flops: 0, bytes: 0 });
  expect(costOf('Slice', [float(400, 5)], [float(2, 5)])).toEqual({ flops: 0, bytes: 80 });
});

test('a pointwise operator does one for each output and reads a broadcast operand once', () => {
  expect(costOf('Mul', [float(4, 5), float(1, 5)], [float(4, 5)])).toEqual({ flops: 20, bytes: 4 * 45 });
});
