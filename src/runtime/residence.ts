import type { InferenceSession, Tensor } from 'onnxruntime-node';
import type { DType, HostArray, Type } from '../core/index.ts';
import { copyModel } from '../onnx/index.ts';
import type { Engine } from './engine.ts';
import { copyIn, copyOut, wrap } from './tensors.ts';

/** Puts values where the entries of stores are kept, and gets them from there. */
export interface Residence {
  put(value: HostArray): Promise<Tensor>;
  get(tensor: Tensor, type: Type): Promise<HostArray>;
  /** Whether outputs of this name stay on the device. */
  readonly location: 'cpu' | 'gpu-buffer';
  close(): Promise<void>;
}

export function residenceOf(engine: Engine): Residence {
  return engine.state === 'device' ? new DeviceResidence(engine) : {
    location: 'cpu',
    put: async (value) => copyIn(engine, value),
    get: async (tensor, type) => copyOut(tensor, type),
    close: async () => {},
  };
}

/**
 * Buffers of the provider. ONNX Runtime makes them only as outputs of a run, and `getData` on one has ended the process,
 * so values go there and back through a graph that copies: its input or its output is on the host.
 */
class DeviceResidence implements Residence {
  readonly location = 'gpu-buffer';
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Promise<InferenceSession>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async put(value: HostArray): Promise<Tensor> {
    return this.#copy(wrap(this.#engine, value), value.dtype, 'gpu-buffer');
  }

  async get(tensor: Tensor, type: Type): Promise<HostArray> {
    return copyOut(await this.#copy(tensor, type.dtype, 'cpu'), type);
  }

  async #copy(x: Tensor, dtype: DType, to: 'cpu' | 'gpu-buffer'): Promise<Tensor> {
    const key = `${dtype} to ${to}`;
    let session = this.#sessions.get(key);
    if (!session) this.#sessions.set(key, session = this.#engine.ort.InferenceSession.create(copyModel(dtype), { ...this.#engine.session, preferredOutputLocation: to }));
    return (await (await session).run({ x }))['y']!;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await (await session).release();
    this.#sessions.clear();
  }
}
