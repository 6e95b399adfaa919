/** 64-bit integers in 32 bits, for providers that compute with no others. */
import { sizeOf, type HostArray, type Type } from '../core/index.ts';

/** The type that holds values of a type where integers have 32 bits. */
export function narrowType<T extends Type>(type: T): T {
  return type.dtype === 'i64' ? { ...type, dtype: 'i32' } : type;
}

/**
 * The same values under `narrowType`.
 *
 * @throws RangeError if one does not fit into 32 bits
 */
export function narrowArray(array: HostArray): HostArray {
  if (!(array.data instanceof BigInt64Array)) return array;
  const data = new Int32Array(sizeOf(array.shape));
  array.data.forEach((value, i) => {
    data[i] = Number(value);
    if (BigInt(data[i]!) !== value)
      throw new RangeError(`${value} does not fit into the 32 bits that integers have on this device`);
  });
  return { shape: array.shape, dtype: 'i32', data };
}
