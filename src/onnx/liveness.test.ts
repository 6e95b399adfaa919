import { describe, expect, test } from 'vitest';
import { add, conv2d, input, mul, program, reshape, sigmoid, sum, type Tensor } from '../core/index.ts';
import { decodeModel } from './decode.ts';
import { executionOrder, memoryPlan } from './liveness.ts';
import { toOnnx } from './to-onnx.ts';

const graphOf = (outputs: Readonly<Record<string, Tensor>>) => decodeModel(toOnnx(program({ outputs })).bytes).graph;
const x = input('x', [1000]);

describe('the memory of a run', () => {
  test('of a value that is taken once is that value, and what is given and returned is not counted', () => {
    // σ(x) is 4,000 bytes; the product is returned.
    expect(memoryPlan(graphOf({ y: mul(sigmoid(x), x) })).peakBytes).toBe(4000);
  });

  test('of a chain of operators that may write over their operand is one value', () => {
    const squares = mul(sigmoid(sigmoid(sigmoid(x))), 2);
    expect(memoryPlan(graphOf({ y: sum(squares) })).peakBytes).toBe(4000);
  });

  test('counts a value until its last use, and another name for it as the same', () => {
    const kept = sigmoid(x);
    const late = mul(sum(mul(sigmoid(mul(kept, x)), x)), reshape(kept, [10, 100])); // kept lives next to σ(kept · x)
    expect(memoryPlan(graphOf({ y: late })).peakBytes).toBe(8000 + 4); // and their sum
  });

  test('knows the extents of convolutions', () => {
    const image = conv2d(input('image', [1, 2, 8, 8]), input('w', [4, 2, 3, 3]), undefined, {
      strides: [2, 2],
      pads: [0, 0, 1, 1],
    }); // [1, 4, 4, 4]
    expect(memoryPlan(graphOf({ y: sum(image) })).peakBytes).toBe(4 * 64);
  });
});

test('of two operands the one that stands last is computed first', () => {
  const left = sigmoid(x);
  const right = mul(x, 2);
  expect(executionOrder(graphOf({ y: add(left, right) })).map((node) => node.opType)).toEqual([
    'Mul',
    'Sigmoid',
    'Add',
  ]);
});
