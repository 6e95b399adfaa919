import type { InferenceSession, InferenceSessionFactory, TensorConstructor } from 'onnxruntime-common';
import type { Environment } from '../core/index.ts';

/**
 * One build of ONNX Runtime on one provider. What holds sessions and stores is the same for all of them and takes this
 * as an argument; its builds for Node and for browsers have the same classes.
 */
export interface Engine {
  readonly ort: { readonly InferenceSession: InferenceSessionFactory; readonly Tensor: TensorConstructor };
  /** Options of every session: providers, threads, logging. */
  readonly session: InferenceSession.SessionOptions;
  /**
   * Where entries of stores are between runs. 'device': each run's new state stays in buffers of the provider, and
   * crosses the host only when it is read or written by the caller.
   */
  readonly state: 'host' | 'device';
  /**
   * Whether host outputs are written into arrays given with the run, so that a step allocates nothing. onnxruntime-web
   * takes such arrays and leaves them as they were.
   */
  readonly writesInPlace: boolean;
  /**
   * Where a run copies what it has written in place into new arrays all the same, in the order of the outputs: what it says
   * of an output that is no tensor, which ends the copying.
   */
  readonly refusal?: string;
  /** Whether integers have 32 bits on the provider: 64-bit ones become so on the way in, and again 64-bit on a hint. */
  readonly narrowsIntegers: boolean;
  /** Name and version, provider, device: what decides the last bits of results. */
  facts(): Promise<Environment>;
  /** Channels in a block of the fast kernels, where the provider can have some: see cpu-kernels.ts. */
  blockSize?(): Promise<number | null>;
}
