/** The weights of an Inception v3 as Python's libraries store them: torchvision's, or pytorch-fid's, in one safetensors file. */
import { float32, type FloatArray, type HostArray } from '../core/index.ts';
import { InceptionV3, type InceptionVariant } from '../models/index.ts';
import { kindOf } from '../files/durable-files.ts';
import { readTensorFile } from './folder-files.ts';
import { checkWeights, weightShapes, widen } from './weights.ts';

/** Of the batch norms, in both libraries. */
const eps = 1e-3;

/** The classes of the weights that FIDs are computed with: TensorFlow's of 2015 have 1,008, torchvision's 1,000. */
const fidClasses = 1008;

/** An Inception v3 that was read. */
export interface LoadedInception {
  readonly model: InceptionV3;
  /** Batch norm folded into the convolutions. */
  readonly weights: Map<string, HostArray>;
  /** `fid` where they are the weights that every FID is computed with. */
  readonly variant: InceptionVariant;
}

/**
 * Reads an Inception v3.
 *
 * @throws one line that names the file and what is wrong: missing, damaged, or not the tensors of an Inception v3
 */
export async function readInception(path: string): Promise<LoadedInception> {
  const where = `features ${path}`;
  const kind = await kindOf(path);
  if (kind !== 'file')
    throw new Error(
      `${where}: ${kind === 'folder' ? 'is a folder, expected a .safetensors file' : 'there is no such file'}`,
    );
  const tensors = await readTensorFile(path);
  const classifier = tensors.get('fc.weight');
  if (!classifier || !tensors.has('Mixed_7c.branch_pool.conv.weight'))
    throw new Error(
      `${where}: is no Inception v3, it has no ${classifier ? 'Mixed_7c.branch_pool.conv.weight' : 'fc.weight'}; save the state_dict of torchvision's inception_v3 or of pytorch-fid's network with safetensors`,
    );
  const variant = classifier.shape[0] === fidClasses ? 'fid' : 'torchvision';
  const model = new InceptionV3(variant);
  const shapes = weightShapes(model);
  const own = new Map([...tensors].filter(([name]) => !/^(AuxLogits|fc)\.|\.num_batches_tracked$/.test(name)));
  checkWeights(storedShapes(shapes), own, where, "the file holds no Inception v3 with torchvision's tensor names");
  const weights = new Map<string, HostArray>();
  for (const name of shapes.keys()) {
    if (!name.endsWith('.weight')) continue;
    const layer = name.slice(0, -'.conv.weight'.length);
    const values = (part: string) => {
      const stored = `${storedName(layer)}.${part}`;
      return widen(own.get(stored)!, stored, where);
    };
    const { weight, bias } = fold(
      values('conv.weight'),
      values('bn.weight'),
      values('bn.bias'),
      values('bn.running_mean'),
      values('bn.running_var'),
    );
    weights.set(name, weight);
    weights.set(`${layer}.conv.bias`, bias);
  }
  for (const [name, { data }] of weights)
    if (!(data as Float32Array).every(Number.isFinite))
      throw new Error(`${where}: ${name} is not finite; get the file again`);
  return { model, weights, variant };
}

/** torchvision's blocks have capitals. */
function storedName(layer: string): string {
  return layer.replace(/^./, (letter) => letter.toUpperCase());
}

/** The file's convolutions are not folded: each has no bias, and a batch norm follows it. */
function storedShapes(folded: ReadonlyMap<string, readonly number[]>): Map<string, readonly number[]> {
  return new Map(
    [...folded].flatMap(([name, shape]): [string, readonly number[]][] => {
      if (name.endsWith('.weight')) return [[storedName(name), shape]];
      const norm = storedName(name.replace(/\.conv\.bias$/, '.bn'));
      return ['weight', 'bias', 'running_mean', 'running_var'].map((part) => [`${norm}.${part}`, shape]);
    }),
  );
}

/** γ (W x − μ)/√(σ² + ε) + β as one convolution. */
function fold(
  weight: FloatArray,
  gain: FloatArray,
  shift: FloatArray,
  mean: FloatArray,
  variance: FloatArray,
): { weight: FloatArray; bias: FloatArray } {
  const [outChannels] = weight.shape as readonly [number];
  const size = weight.data.length / outChannels;
  const scale = Float64Array.from(gain.data, (g, o) => g / Math.sqrt(variance.data[o]! + eps));
  return {
    weight: float32(
      weight.shape,
      weight.data.map((w, i) => w * scale[Math.floor(i / size)]!),
    ),
    bias: float32(
      [outChannels],
      Float32Array.from(shift.data, (b, o) => b - mean.data[o]! * scale[o]!),
    ),
  };
}
