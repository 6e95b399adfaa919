export { decodeModel } from './decode.ts';
export { encodeModel } from './encode.ts';
export { standardLowerings, type Lowering, type Lowerings } from './lower.ts';
export { readName, toOnnx, writeName, type OnnxProgram } from './to-onnx.ts';
