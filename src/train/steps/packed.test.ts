import { expect, test } from 'vitest';
import { evaluate, input, mul, program, type Values } from '../../core/index.ts';
import { packed } from './packed.ts';

test('small tensors with one key are a piece, large ones are pieces of their own, and each comes back in its place', () => {
  const shapes = [[3], [64, 64], [2, 2], [5], []];
  const tensors = shapes.map((shape, i) => input(`x${i}`, shape));
  const pieces = packed(tensors, (i) => (i === 3 ? 'other' : 'one'));
  expect(pieces.map(({ members }) => members)).toEqual([[0, 2, 4], [3], [1]]);

  const outputs = Object.fromEntries(
    pieces.flatMap((piece) => piece.part(mul(piece.join(tensors), 2)).map((y, i) => [`y${piece.members[i]}`, y])),
  );
  const values = shapes.map((shape, i): Values => ({
    shape,
    dtype: 'f32',
    data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, k) => 100 * i + k),
  }));
  const results = evaluate(program({ outputs }), (_, name) => values[Number(name.slice(1))]!).outputs;
  shapes.forEach((shape, i) => {
    expect(results.get(`y${i}`)!.shape).toEqual(shape);
    expect([...results.get(`y${i}`)!.data]).toEqual([...values[i]!.data].map((value) => 2 * value));
  });
});
