/** Our arrays as ONNX Runtime's tensors, and back. */
import type { Tensor } from 'onnxruntime-common';
import { allocate, sizeOf, type DType, type HostArray, type HostData, type Type } from '../core/index.ts';
import { narrowArray } from '../onnx/index.ts';
import type { Engine } from './engine.ts';

/** ONNX Runtime's JavaScript API knows our element types by other names. */
const ortTypes: Readonly<Record<DType, Tensor.Type>> = {
  f32: 'float32',
  f16: 'float16',
  bf16: 'uint16',
  i32: 'int32',
  i64: 'int64',
  bool: 'bool',
};

/** A tensor over the array's own memory, unless the engine wants its values in another type. */
export function wrap({ ort, narrowsIntegers }: Engine, array: HostArray): Tensor {
  const { dtype, shape, data } = narrowsIntegers ? narrowArray(array) : array;
  return new ort.Tensor(ortTypes[dtype], data as Float32Array, shape);
}

export function zeroTensor(engine: Engine, { dtype, shape }: Type): Tensor {
  return wrap(engine, { dtype, shape, data: allocate(dtype, sizeOf(shape)) });
}

export function copyIn(engine: Engine, value: HostArray): Tensor {
  return wrap(engine, { ...value, data: value.data.slice() });
}

/** A copy of a tensor in host memory. */
export function copyOut(tensor: Tensor, { dtype, shape }: Type): HostArray {
  const data = tensor.data as HostData;
  return {
    dtype,
    shape,
    data: dtype === 'i64' && data instanceof Int32Array ? BigInt64Array.from(data, BigInt) : data.slice(),
  };
}
