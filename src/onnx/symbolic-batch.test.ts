import * as ort from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import {
  add,
  broadcastTo,
  concat,
  constant,
  float32,
  input,
  matmul,
  mul,
  pad,
  program,
  reshape,
  slice,
  sumSquares,
  transpose,
  type Program,
  type Tensor,
} from '../core/index.ts';
import { decodeModel } from './decode.ts';
import { toOnnxForAnyBatch } from './to-onnx.ts';

const x = (batch: number) => input('x', [batch, 2, 3]);
const y = (tensor: Tensor) => program({ outputs: { y: tensor } });

async function run(
  model: Uint8Array,
  batch: number,
): Promise<{ readonly dims: readonly number[]; readonly data: readonly number[] }> {
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  const values = Float32Array.from({ length: batch * 6 }, (_, i) => i);
  const { dims, data } = (await session.run({ x: new ort.Tensor('float32', values, [batch, 2, 3]) }))['y']!;
  await session.release();
  return { dims, data: Array.from(data as Float32Array) };
}

const six = [0, 1, 2, 3, 4, 5];

describe('a model for any batch', () => {
  test('finds the one extent of a reshape that follows the batch', async () => {
    const model = toOnnxForAnyBatch((batch) => y(transpose(reshape(x(batch), [batch * 2, 3]), [1, 0])));
    expect(decodeModel(model).graph.node.map(({ opType }) => opType)).toEqual(['Reshape', 'Transpose']);
    expect(await run(model, 1)).toEqual({ dims: [3, 2], data: [0, 3, 1, 4, 2, 5] });
    expect(await run(model, 3)).toMatchObject({ dims: [3, 6] });
  });

  test('computes extents from the input where an operator does not find them itself', async () => {
    const row = constant(float32([1, 2, 3], six));
    const model = toOnnxForAnyBatch((batch) => y(add(x(batch), broadcastTo(row, [batch, 2, 3]))));
    for (const batch of [1, 4])
      expect(await run(model, batch)).toEqual({
        dims: [batch, 2, 3],
        data: Array.from({ length: batch * 6 }, (_, i) => i + (i % 6)),
      });
  });

  test('takes extents that are the batch and something next to it', async () => {
    // All but the last sample.
    const model = toOnnxForAnyBatch((batch) => y(slice(x(batch), [0, 0, 0], [batch - 1, 2, 3])));
    expect(await run(model, 2)).toEqual({ dims: [1, 2, 3], data: six });
    expect(await run(model, 5)).toMatchObject({ dims: [4, 2, 3] });
    const doubled = toOnnxForAnyBatch((batch) => y(pad(x(batch), [0, 0, 0], [batch, 0, 0])));
    expect(await run(doubled, 1)).toEqual({ dims: [2, 2, 3], data: [...six, 0, 0, 0, 0, 0, 0] });
    expect(await run(doubled, 2)).toMatchObject({ dims: [4, 2, 3] });
  });

  test('declares the extent as a symbol, and leaves a multiple of it open', () => {
    const w = input('w', [2, 2]);
    const build = (batch: number): Program =>
      program({ outputs: { same: mul(x(batch), 2), twice: concat([x(batch), x(batch)], 0), fixed: matmul(w, w) } });
    const { graph } = decodeModel(toOnnxForAnyBatch(build));
    const dims = (name: string) => graph.output.find((each) => each.name === name)!.type!.tensorType.shape!.dim;
    expect(graph.input[0]!.type!.tensorType.shape!.dim).toEqual([
      { dimParam: 'batch' },
      { dimValue: 2 },
      { dimValue: 3 },
    ]);
    expect(dims('same')).toEqual([{ dimParam: 'batch' }, { dimValue: 2 }, { dimValue: 3 }]);
    expect(dims('twice')).toEqual([{}, { dimValue: 2 }, { dimValue: 3 }]);
    expect(dims('fixed')).toEqual([{ dimValue: 2 }, { dimValue: 2 }]);
  });

  test('refuses a program that depends on the batch in more than extents', () => {
    expect(() => toOnnxForAnyBatch((batch) => y(mul(x(batch), batch)))).toThrow(
      /^toOnnx: the constant c0 \[\] depends on the batch; give a fixed batch$/,
    );
    expect(() => toOnnxForAnyBatch((batch) => y(batch % 4 === 1 ? sumSquares(x(batch)) : mul(x(batch), 2)))).toThrow(
      /depends on the batch in more than its shapes; give a fixed batch$/,
    );
    expect(() => toOnnxForAnyBatch((batch) => y(reshape(input('x', [2, 3]), [batch % 2 ? 6 : 3, 1])))).toThrow(
      /give a fixed batch$/,
    );
  });
});
