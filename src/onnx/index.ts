export { blockSizeModel } from './blocked.ts';
export { copyModel } from './copy-model.ts';
export { decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export type { AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto } from './protobuf.ts';
export { cpuLowerings } from './lower-cpu.ts';
export { standardLowerings } from './lower.ts';
export type { Lowering, Lowerings } from './lowering.ts';
export { readName, toOnnx, toOnnxForAnyBatch, writeName, type OnnxProgram, type ToOnnxOptions } from './to-onnx.ts';
