/** What an op's definition says of itself, and what the processor's lowering makes of it. */
import { expect, test } from 'vitest';
import {
  cast,
  conv2d,
  evaluate,
  input,
  less,
  ops,
  program,
  RandomStream,
  type Op,
  type Tensor,
} from '../core/index.ts';
import { apply } from '../core/tensor.ts';
import { decodeModel, toOnnx } from './index.ts';
import { cpuLowerings } from './lower-cpu.ts';

const shape = [1, 16, 2, 3];
const elementwise = Object.values(ops as Readonly<Record<string, Op>>).filter((op) => op.elementwise);

/** Operands of each op by its name; the others take as many images as these say. */
const bool = (x: Tensor) => less(x, 2);
const special: Readonly<Record<string, (a: Tensor, b: Tensor) => readonly Tensor[]>> = {
  and: (a, b) => [bool(a), bool(b)],
  or: (a, b) => [bool(a), bool(b)],
  not: (a) => [bool(a)],
  where: (a, b) => [bool(a), a, b],
  clip: (a) => [a, input('low', []), input('high', [])],
};
const two = new Set(['add', 'sub', 'mul', 'div', 'minimum', 'maximum', 'pow', 'less', 'lessEqual', 'equal']);

const applied = (op: Op, a: Tensor, b: Tensor) =>
  apply(op, special[op.name]?.(a, b) ?? (two.has(op.name) ? [a, b] : [a]), {});

test.each(elementwise)('$name gives each place what its operands have there', (op) => {
  const y = cast(applied(op, input('a', shape), input('b', shape)), 'f32');
  const order = Array.from({ length: 96 }, (_, i) => (i * 35) % 96);
  const values = (name: string, permuted: boolean) => {
    if (name === 'low' || name === 'high') return Float64Array.of(name === 'low' ? 1.5 : 2.5);
    const random = new RandomStream(1, name);
    const data = Float64Array.from({ length: 96 }, () => 1 + 2 * random.uniform());
    return permuted ? Float64Array.from(order, (i) => data[i]!) : data;
  };
  const run = (permuted: boolean) =>
    evaluate(program({ outputs: { y } }), (_, name) => ({
      shape: name === 'a' || name === 'b' ? shape : [],
      dtype: 'f32',
      data: values(name, permuted),
    })).outputs.get('y')!.data;
  const straight = run(false);
  expect([...run(true)]).toEqual(order.map((i) => straight[i]));
});

/** How often an image is brought into the blocked layout or out of it. */
function reorders(between: (a: Tensor, b: Tensor) => Tensor): number {
  const w = input('w', [16, 16, 1, 1]);
  const y = conv2d(between(conv2d(input('a', shape), w), conv2d(input('b', shape), w)), w);
  const { bytes } = toOnnx(program({ outputs: { y } }), { lowerings: cpuLowerings(16) });
  return decodeModel(bytes).graph.node.filter(({ opType }) => opType.startsWith('Reorder')).length;
}

/** A comparison's result is no float, and the reordering operators move nothing else. */
const ofFloats = elementwise.filter(({ name }) => name === 'clip' || !(name in special || /^(less|equal)/.test(name)));

test.each(ofFloats)('$name between convolutions leaves images in the blocked layout', (op) => {
  const plain = two.has(op.name) ? ops.sub : ops.log;
  expect(reorders((a, b) => applied(op, a, b))).toBe(reorders((a, b) => applied(plain as Op, a, b)));
});
