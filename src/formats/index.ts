export { bfloatToFloats, floatsToBfloat, floatsToHalf, halfToFloats } from './half.ts';
export { readSafetensors, type Safetensors, type SafetensorsData, type SafetensorsDType, type SafetensorsTensor, writeSafetensors } from './safetensors.ts';
