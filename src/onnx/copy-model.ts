import type { DType } from '../core/index.ts';
import { GraphBuilder, onnxDataTypes } from './builder.ts';
import { encodeModel } from './encode.ts';

/** A model whose output `y` is its input `x`, of any shape: how a tensor gets onto a device and back. */
export function copyModel(dtype: DType): Uint8Array {
  const graph = new GraphBuilder();
  graph.rename('x', 'y');
  const anyShape = (name: string) => ({ name, type: { tensorType: { elemType: onnxDataTypes[dtype] } } });
  return encodeModel({
    irVersion: 8,
    producerName: 'kuosan',
    producerVersion: '',
    metadataProps: [],
    opsetImport: [{ domain: '', version: 18 }],
    graph: graph.build('copy', [anyShape('x')], [anyShape('y')]),
  });
}
