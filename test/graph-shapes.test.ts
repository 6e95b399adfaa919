import { expect, test } from 'vitest';
import { grad, input, program, sum, type OpName } from '../src/core/index.ts';
import { cpuLowerings } from '../src/onnx/lower-cpu.ts';
import { decodeModel } from '../src/onnx/decode.ts';
import { toOnnx } from '../src/onnx/to-onnx.ts';
import { valueTypes } from '../src/onnx/shapes.ts';
import { blockedCases } from './op-cases/blocked.ts';
import { opCases } from './op-cases.ts';

/** Of every operator that a lowering emits, the shape is known: the memory of a run is estimated from them. */
test.each([
  ['standard', {}],
  ['blocked', cpuLowerings(16)],
] as const)('the shapes of a graph with %s operators follow from its nodes', (_, lowerings) => {
  for (const { op, title, shapes, build } of [...opCases, ...blockedCases]) {
    const xs = shapes.map((shape, i) => input(`x${i}`, shape));
    const y = build(...xs);
    const gradients = y.dtype === 'f32' ? grad(sum(y), xs) : [];
    const outputs = Object.fromEntries([y, ...gradients].map((x, i) => [`out${i}`, x]));
    const { bytes } = toOnnx(program({ outputs }), { lowerings });
    const types = valueTypes(decodeModel(bytes).graph);
    for (const [name, { shape }] of Object.entries(outputs))
      expect(types.get(name)!.shape, `${op satisfies OpName} ${title}: ${name}`).toEqual(shape);
  }
});
