import { float32, type FloatArray, type RandomStream } from '../../core/index.ts';

/** Standard normals in the shape of an image. */
export function normalsLike({ shape, data }: FloatArray, random: RandomStream): FloatArray {
  return float32(shape, random.fillNormal(new Float32Array(data.length)));
}
