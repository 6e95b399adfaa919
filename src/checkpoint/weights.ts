import {
  asFloat32,
  firstNotFinite,
  float32,
  sameShape,
  type FloatArray,
  type HostArray,
  type HostArrays,
  type Shape,
} from '../core/index.ts';
import { bfloatToFloats, floatsToHalf, halfToFloats } from '../formats/half.ts';
import { quoteJson } from '../formats/quote.ts';
import type { Module } from '../nn/index.ts';
import { namedParameters } from '../nn/index.ts';

/** Names listed in a message before "and … more". */
const listed = 3;

/** A tensor, and where it was found. */
interface Placed {
  readonly shape: Shape;
  /** `at byte 1232`, in which file where there are several; absent for one that is in no file. */
  readonly place?: string;
}

function inBrackets({ place }: Placed): string {
  return place === undefined ? '' : ` (${place})`;
}

/** The shape of every parameter and buffer of a module by its checkpoint name. */
export function weightShapes(root: Module): Map<string, Shape> {
  return new Map([...namedParameters(root)].map(([name, { shape }]) => [name, shape]));
}

/**
 * Checks that the tensors are exactly those expected, each of its shape.
 *
 * @param where   how the message calls the place, for example `checkpoint runs/a/unet`
 * @param hint  what the message ends with
 * @throws one line that names the tensors of another shape, the missing and the unexpected ones, with their shapes and their places
 */
export function checkWeights(
  expected: ReadonlyMap<string, Shape>,
  tensors: ReadonlyMap<string, Placed>,
  where: string,
  hint?: string,
): void {
  const mismatched: string[] = [];
  const missing: string[] = [];
  for (const [name, shape] of expected) {
    const tensor = tensors.get(name);
    if (!tensor) missing.push(`${quoteJson(name)} [${shape.join(', ')}]`);
    else if (!sameShape(tensor.shape, shape))
      mismatched.push(
        `tensor ${quoteJson(name)} is [${tensor.shape.join(', ')}], expected [${shape.join(', ')}]${inBrackets(tensor)}`,
      );
  }
  const unexpected = [...tensors]
    .filter(([name]) => !expected.has(name))
    .map(([name, tensor]) => `${quoteJson(name)} [${tensor.shape.join(', ')}]${inBrackets(tensor)}`);

  const problems: string[] = [];
  // A wrong width gives dozens; the first says it.
  if (mismatched.length > 0)
    problems.push(
      mismatched[0]! + (mismatched.length > 1 ? ` (and ${mismatched.length - 1} more of another shape)` : ''),
    );
  if (missing.length > 0) problems.push(`missing ${plural(missing)}`);
  if (unexpected.length > 0) problems.push(`unexpected ${plural(unexpected)}`);
  if (problems.length > 0) throw new Error(`${where}: ${problems.join('; ')}${hint ? `; ${hint}` : ''}`);
}

function plural(names: readonly string[]): string {
  const rest = names.length - listed;
  return `${names.length === 1 ? 'tensor' : 'tensors'} ${names.slice(0, listed).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`;
}

/**
 * Stored values as 32-bit floats; exact.
 *
 * @throws if the tensor holds whole numbers or truth values, but for one number alone: PyTorch counts batches in such; or a
 *   value that is not finite, with its place: all that the model computes would be none either
 */
export function widen(tensor: HostArray & Placed, name: string, where: string): FloatArray {
  const floats = asStored(tensor, name, where);
  const place = firstNotFinite(floats.data);
  if (place < 0) return floats;
  const hint =
    tensor.dtype === 'f16' && !Number.isNaN(floats.data[place])
      ? 'float16 ends at 65504: write the weights as float32 or bfloat16'
      : 'take an earlier checkpoint, or write the weights again';
  throw new Error(
    `${where}: tensor ${quoteJson(name)} [${tensor.shape.join(', ')}] holds ${floats.data[place]} at [${position(place, tensor.shape).join(', ')}]${inBrackets(tensor)}; ${hint}`,
  );
}

/** The indices of a value by its place in row-major order. */
function position(place: number, shape: Shape): number[] {
  let rest = place;
  return shape
    .toReversed()
    .map((extent) => {
      const index = rest % extent;
      rest = Math.floor(rest / extent);
      return index;
    })
    .reverse();
}

function asStored(tensor: HostArray & Placed, name: string, where: string): FloatArray {
  const [only] = tensor.data;
  if (tensor.dtype === 'i64' && tensor.shape.length === 0 && only! <= 2 ** 24) return float32([], [Number(only)]);
  switch (tensor.dtype) {
    case 'f32':
      return float32(tensor.shape, tensor.data as Float32Array);
    case 'f16':
      return float32(tensor.shape, halfToFloats(tensor.data as Uint16Array));
    case 'bf16':
      return float32(tensor.shape, bfloatToFloats(tensor.data as Uint16Array));
    default:
      throw new Error(
        `${where}: tensor ${quoteJson(name)} [${tensor.shape.join(', ')}] is of type ${tensor.dtype}, expected f32, f16 or bf16${inBrackets(tensor)}`,
      );
  }
}

/**
 * 32-bit floats rounded to float16.
 *
 * @throws if a finite value is too large for it
 */
export function narrow(tensor: FloatArray, name: string, where: string): HostArray {
  const data = floatsToHalf(tensor.data);
  const lost = data.findIndex((half, i) => (half & 0x7fff) === 0x7c00 && Number.isFinite(tensor.data[i]!));
  if (lost >= 0)
    throw new Error(
      `${where}: tensor ${quoteJson(name)} holds ${tensor.data[lost]}, float16 ends at 65504; write it as f32`,
    );
  return { dtype: 'f16', shape: tensor.shape, data };
}

/**
 * A module's weights as they are stored.
 *
 * @param dtype  f16 rounds every value to float16, f32 keeps them
 * @throws one line if they are not the module's, or a value is too large for float16
 */
export function storedWeights(
  module: Module,
  weights: HostArrays,
  dtype: 'f32' | 'f16',
  where: string,
): Map<string, HostArray> {
  checkWeights(weightShapes(module), weights, where);
  return new Map(
    [...weights].map(([name, array]) => {
      const floats = asFloat32(array, `${where}: tensor ${quoteJson(name)}`);
      return [name, dtype === 'f16' ? narrow(floats, name, where) : floats];
    }),
  );
}

/**
 * Stored tensors as a module's weights: in its order, widened to f32.
 *
 * @param hint  what the message ends with
 * @throws one line if they are not the module's
 */
export function moduleWeights(
  module: Module,
  tensors: ReadonlyMap<string, HostArray & { readonly shard?: string }>,
  where: string,
  hint?: string,
): Map<string, HostArray> {
  const shapes = weightShapes(module);
  checkWeights(shapes, tensors, where, hint);
  return new Map([...shapes.keys()].map((name) => [name, widen(tensors.get(name)!, name, where)]));
}
