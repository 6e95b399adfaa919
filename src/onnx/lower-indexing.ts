/** Standard operators for reading and adding up at places that are known only when the program runs. */
import { allocate, type DType } from '../core/index.ts';
import { onnxDataTypes, type GraphBuilder, type ValueName } from './builder.ts';
import type { Lowering, Lowerings } from './lowering.ts';

const zero = (graph: GraphBuilder, dtype: DType): ValueName =>
  graph.constant({ shape: [], dtype, data: allocate(dtype, 1) });

/** By ScatterElements, whatever the shapes. */
export const scatterElements: Lowering<{ axis: number }> = (
  graph,
  [updates, indices],
  { outputs: [output], attrs: { axis } },
) => {
  const zeros = graph.one('Expand', [zero(graph, output!.dtype), graph.ints(output!.shape)]);
  return [graph.one('ScatterElements', [zeros, indices!, updates!], { axis, reduction: 'add' })];
};

export const indexingLowerings = {
  gather: (graph, inputs, { attrs: { axis } }) => [graph.one('Gather', inputs, { axis })],
  scatterAdd(graph, [updates, indices], { inputs, outputs }) {
    // Widened last: not every provider moves 64-bit integers.
    const column = graph.one('Cast', [graph.one('Reshape', [indices!, graph.ints([...inputs[1]!.shape, 1])])], {
      to: onnxDataTypes.i64,
    });
    const zeros = graph.one('Expand', [zero(graph, outputs[0]!.dtype), graph.ints(outputs[0]!.shape)]);
    return [graph.one('ScatterND', [zeros, column, updates!], { reduction: 'add' })];
  },
  takeAlongAxis: (graph, inputs, { attrs: { axis } }) => [graph.one('GatherElements', inputs, { axis })],
  scatterAlongAxis(graph, inputs, node) {
    const {
      inputs: [, places],
      outputs: [output],
      attrs: { axis, extent },
    } = node;
    if (places!.shape[axis] !== 1) return scatterElements(graph, inputs, node);
    // One element a line, as of a cross-entropy: comparing with all places needs no scattering, which few providers have.
    const line = places!.shape.map((_, i) => (i === axis ? extent : 1));
    const order = graph.constant({ shape: line, dtype: 'i32', data: Int32Array.from({ length: extent }, (_, i) => i) });
    const hit = graph.one('Equal', [order, graph.one('Cast', [inputs[1]!], { to: onnxDataTypes.i32 })]);
    return [graph.one('Where', [hit, inputs[0]!, zero(graph, output!.dtype)])];
  },
} satisfies Partial<Lowerings>;
