export type { Bytes } from './bytes.ts';
export { bfloatToFloats, floatsToBfloat, floatsToHalf, halfToFloats } from './half.ts';
export { readIdx, type IdxArray, type IdxData } from './idx.ts';
export { readNpy, writeNpy, type NpyArray, type NpyData, type NpyDType } from './npy.ts';
export {
  type FileTensor,
  type Int8Tensor,
  readSafetensors,
  type Safetensors,
  type SafetensorsData,
  type SafetensorsDType,
  type SafetensorsTensor,
  type SafetensorsType,
  type TensorSource,
  safetensorsParts,
  writeSafetensors,
} from './safetensors.ts';
export { encodeEvent, type EventContent, type SummaryValue } from './tfevents.ts';
