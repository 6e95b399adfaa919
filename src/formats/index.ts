export { bfloatToFloats, floatsToBfloat, floatsToHalf, halfToFloats } from './half.ts';
export { readSafetensors, type Safetensors, type SafetensorsTensor, writeSafetensors } from './safetensors.ts';
