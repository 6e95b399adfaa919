import type { Environment, HostArray, HostArrays, Type } from '../core/index.ts';
import type { OnnxProgram } from '../onnx/index.ts';

/** Names a program or a store inside its host. */
export type Handle = number;

export interface LoadOptions {
  /**
   * Whether ONNX Runtime rewrites the graph. It should for standard operators, for the blocked kernels above all. A graph
   * lowered for this processor has them already: rewriting takes seconds and makes training a tenth slower.
   */
  readonly optimize: boolean;
}

/**
 * What an executor asks of the thread that owns the sessions. Implemented by the host itself and, one call a message,
 * by a worker around it.
 */
export interface SessionService {
  /** What the engine knows of itself: name and version, provider, device. */
  facts(): Promise<Environment>;
  /** Channels in a block of this machine's fast kernels, or null: see cpu-kernels.ts. */
  blockSize(): Promise<number | null>;
  load(program: OnnxProgram, options: LoadOptions): Promise<Handle>;
  unload(program: Handle): Promise<void>;
  createStore(spec: Readonly<Record<string, Type>>, values: HostArrays): Promise<Handle>;
  read(store: Handle, names?: readonly string[]): Promise<Map<string, HostArray>>;
  write(store: Handle, values: HostArrays): Promise<void>;
  releaseStore(store: Handle): Promise<void>;
  run(
    program: Handle,
    store: Handle | null,
    inputs: Readonly<Record<string, HostArray>>,
  ): Promise<Record<string, HostArray>>;
  /** Milliseconds that all runs of programs so far have spent in ONNX Runtime. */
  engineMs(): Promise<number>;
  close(): Promise<void>;
}
