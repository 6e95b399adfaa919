import type { InferenceSession, Tensor } from 'onnxruntime-common';
import type { DType, HostArray, Type } from '../core/index.ts';
import { copyModel, narrowType } from '../onnx/index.ts';
import type { Engine } from './engine.ts';
import { copyIn, copyOut, wrap } from './tensors.ts';

/** Puts values where the entries of stores are kept, and gets them from there. */
export interface Residence {
  /** Opens the device and keeps it open: it goes with its last session, and takes all buffers and compiled shaders along. */
  open(): Promise<void>;
  /** @param own  the array is nobody else's, so it need not be copied */
  put(value: HostArray, own?: boolean): Promise<Tensor>;
  get(tensor: Tensor, type: Type): Promise<HostArray>;
  /** What a run has left, made independent of the session that ran. */
  adopt(tensor: Tensor, type: Type): Promise<Tensor>;
  /** Whether outputs of this name stay on the device. */
  readonly location: 'cpu' | 'gpu-buffer';
  close(): Promise<void>;
}

export function residenceOf(engine: Engine): Residence {
  return engine.state === 'device'
    ? new DeviceResidence(engine)
    : {
        location: 'cpu',
        open: async () => {},
        put: async (value, own) => (own ? wrap : copyIn)(engine, value),
        get: async (tensor, type) => copyOut(tensor, type),
        adopt: async (tensor) => tensor,
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

  async open(): Promise<void> {
    await this.#session('f32', 'cpu');
  }

  async put(value: HostArray): Promise<Tensor> {
    return this.#copy(wrap(this.#engine, value), value, 'gpu-buffer');
  }

  async get(tensor: Tensor, type: Type): Promise<HostArray> {
    return copyOut(await this.#copy(tensor, type, 'cpu'), type);
  }

  async #copy(x: Tensor, type: Type, to: 'cpu' | 'gpu-buffer'): Promise<Tensor> {
    const { dtype } = this.#engine.narrowsIntegers ? narrowType(type) : type;
    return (await (await this.#session(dtype, to)).run({ x }))['y']!;
  }

  adopt(tensor: Tensor, type: Type): Promise<Tensor> {
    return this.#copy(tensor, type, 'gpu-buffer');
  }

  #session(dtype: DType, to: 'cpu' | 'gpu-buffer'): Promise<InferenceSession> {
    const key = `${dtype} to ${to}`;
    let session = this.#sessions.get(key);
    if (!session)
      this.#sessions.set(
        key,
        (session = this.#engine.ort.InferenceSession.create(copyModel(dtype), {
          ...this.#engine.session,
          enableProfiling: false,
          preferredOutputLocation: to,
        })),
      );
    return session;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values())
      await session.then(
        (opened) => opened.release(),
        () => {},
      );
    this.#sessions.clear();
  }
}
