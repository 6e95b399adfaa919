/** A static tensor shape; `[]` is a scalar. */
export type Shape = readonly number[];

/** Element types. `bool` is stored as one byte, `f16` and `bf16` as their 16 bits. */
export type DType = 'f32' | 'f16' | 'bf16' | 'i32' | 'i64' | 'bool';

/** The typed arrays that hold values: one kind for each `DType`, `Uint16Array` for both half types. */
export type HostData = Float32Array | Uint16Array | Int32Array | BigInt64Array | Uint8Array;

/** What a tensor is before it has values: its shape and element type. */
export interface Type {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Values in host memory, row-major. */
export interface HostArray extends Type {
  readonly data: HostData;
}

/** A `HostArray` known to hold 32-bit floats. */
export interface FloatArray extends HostArray {
  readonly dtype: 'f32';
  readonly data: Float32Array;
}

/** The number of elements of a shape; 1 for a scalar. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Row-major strides in elements: `[2, 3, 4]` has strides `[12, 4, 1]`. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

/** True if both shapes have the same rank and extents. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/** `f32[8, 3, 32, 32]`, the way every message writes a type. */
export function describeType(type: Type): string {
  return `${type.dtype}[${type.shape.join(', ')}]`;
}

/** Zero-filled storage of the right kind for a type. */
export function allocate(dtype: DType, size: number): HostData {
  switch (dtype) {
    case 'f32':
      return new Float32Array(size);
    case 'f16':
    case 'bf16':
      return new Uint16Array(size);
    case 'i32':
      return new Int32Array(size);
    case 'i64':
      return new BigInt64Array(size);
    case 'bool':
      return new Uint8Array(size);
  }
}

/**
 * Wraps 32-bit floats with their shape.
 *
 * @throws if the number of values is not the product of the shape
 */
export function float32(
  shape: Shape,
  data: Float32Array | readonly number[] = new Float32Array(sizeOf(shape)),
): FloatArray {
  if (data.length !== sizeOf(shape))
    throw new Error(`float32: ${data.length} values do not fill [${shape.join(', ')}]`);
  return { dtype: 'f32', shape, data: data instanceof Float32Array ? data : Float32Array.from(data) };
}

/** The array as 32-bit floats, or an error that names it. */
export function asFloat32(array: HostArray, what = 'array'): FloatArray {
  if (array.dtype !== 'f32' || !(array.data instanceof Float32Array))
    throw new Error(`${what}: expected f32, got ${describeType(array)}`);
  return array as FloatArray;
}
