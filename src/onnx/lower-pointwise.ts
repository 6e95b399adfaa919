/** Standard operators for the ops that act on each element alone. */
import { sameShape, sizeOf } from '../core/index.ts';
import { direct, type Lowering, type Lowerings } from './lowering.ts';

/** From this many values on, two reshapes cost less than a loop over single elements. */
const worthFlattening = 2048;

/**
 * Of two operands. ONNX Runtime takes a tensor whose last axes are 1 (a kernel of one pixel) and a number element by
 * element, fifty times slower than the same numbers in one axis.
 */
const binary =
  (opType: string): Lowering<unknown> =>
  (graph, inputs, { inputs: operands, outputs: [output] }) => {
    const { shape } = output!;
    const size = sizeOf(shape);
    const slow =
      shape.at(-1) === 1 &&
      size >= worthFlattening &&
      operands.some((x) => sizeOf(x.shape) === 1) &&
      operands.every((x) => sizeOf(x.shape) === 1 || sameShape(x.shape, shape));
    if (!slow) return [graph.one(opType, inputs)];
    const flat = inputs.map((x, i) =>
      sizeOf(operands[i]!.shape) === 1 ? x : graph.one('Reshape', [x, graph.ints([size])]),
    );
    return [graph.one('Reshape', [graph.one(opType, flat), graph.ints(shape)])];
  };

export const pointwiseLowerings = {
  add: binary('Add'),
  sub: binary('Sub'),
  mul: binary('Mul'),
  div: binary('Div'),
  minimum: direct('Min'),
  maximum: direct('Max'),
  pow: (graph, [x, y], { attrs: { exponent } }) => [graph.one('Pow', [x!, y ?? graph.filled([], exponent!)])],
  clip: direct('Clip'),
  neg: direct('Neg'),
  abs: direct('Abs'),
  floor: direct('Floor'),
  exp: direct('Exp'),
  log: direct('Log'),
  sqrt: direct('Sqrt'),
  sin: direct('Sin'),
  cos: direct('Cos'),
  tanh: direct('Tanh'),

  sigmoid: direct('Sigmoid'),
  // Two operators, so that the gradient can use the same sigmoid.
  silu: (graph, [x]) => [graph.one('Mul', [x!, graph.one('Sigmoid', [x!])])],
  relu: direct('Relu'),
  // max(x, 0) + ln(1 + e^−|x|): not every provider has Softplus, and some that have it let e^x overflow.
  softplus(graph, [x]) {
    const small = graph.one('Exp', [graph.one('Neg', [graph.one('Abs', [x!])])]);
    return [
      graph.one('Add', [graph.one('Relu', [x!]), graph.one('Log', [graph.one('Add', [small, graph.filled([], 1)])])]),
    ];
  },
  erf: direct('Erf'),
  // In the order in which ONNX Runtime's optimizer knows it; the gradient uses the same error function.
  gelu(graph, [x]) {
    const gain = graph.one('Add', [
      graph.one('Erf', [graph.one('Div', [x!, graph.filled([], Math.SQRT2)])]),
      graph.filled([], 1),
    ]);
    return [graph.one('Mul', [graph.one('Mul', [x!, gain]), graph.filled([], 0.5)])];
  },

  less: direct('Less'),
  lessEqual: direct('LessOrEqual'),
  equal: direct('Equal'),
  and: direct('And'),
  or: direct('Or'),
  not: direct('Not'),
  where: direct('Where'),
} satisfies Partial<Lowerings>;
