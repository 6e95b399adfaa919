import * as ort from 'onnxruntime-node';
import { allocate, checkedValues, describeType, sizeOf, type DType, type HostArray, type HostArrays, type Type } from '../core/index.ts';
import { probeBlockSize } from './cpu-kernels.ts';
import { readName, writeName, type OnnxProgram } from '../onnx/index.ts';

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
 * by the worker around it.
 */
export interface SessionService {
  /** The engine and its version. */
  engine(): Promise<string>;
  /** Channels in a block of this machine's fast kernels, or null: see cpu-kernels.ts. */
  blockSize(): Promise<number | null>;
  load(program: OnnxProgram, options: LoadOptions): Promise<Handle>;
  unload(program: Handle): Promise<void>;
  createStore(spec: Readonly<Record<string, Type>>, values: HostArrays): Promise<Handle>;
  read(store: Handle, names?: readonly string[]): Promise<Map<string, HostArray>>;
  write(store: Handle, values: HostArrays): Promise<void>;
  releaseStore(store: Handle): Promise<void>;
  run(program: Handle, store: Handle | null, inputs: Readonly<Record<string, HostArray>>): Promise<Record<string, HostArray>>;
  close(): Promise<void>;
}

/** Node.js's binding knows these by other names. */
const ortTypes: Readonly<Record<DType, ort.Tensor.Type>> = { f32: 'float32', f16: 'float16', bf16: 'uint16', i32: 'int32', i64: 'int64', bool: 'bool' };

interface LoadedProgram {
  readonly program: OnnxProgram;
  readonly session: ort.InferenceSession;
  /** Output buffers, made once: a step allocates nothing in the engine. */
  readonly outputs: ReadonlyMap<string, ort.Tensor>;
}

/** The value of an entry, and the buffer that the next step writes before the two change places. */
interface Entry {
  current: ort.Tensor;
  spare: ort.Tensor | undefined;
}

interface HeldStore {
  readonly spec: Readonly<Record<string, Type>>;
  readonly entries: Map<string, Entry>;
}

/**
 * Owns ONNX Runtime sessions and stores on one thread.
 *
 * State is double-buffered: a step reads one buffer and writes the other, and they change places only when the run has
 * succeeded, so a failed run leaves the store as it was.
 */
export class SessionHost implements SessionService {
  readonly #threads: number;
  readonly #programs = new Map<Handle, LoadedProgram>();
  readonly #stores = new Map<Handle, HeldStore>();
  #nextHandle = 1;
  /** Runs are serial: the engine uses all threads for one, and stores are not locked. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: { threads: number }) {
    this.#threads = options.threads;
  }

  async engine(): Promise<string> {
    return `onnxruntime-node ${ort.env.versions.node}`;
  }

  blockSize(): Promise<number | null> {
    return probeBlockSize();
  }

  async load(program: OnnxProgram, { optimize }: LoadOptions): Promise<Handle> {
    const session = await ort.InferenceSession.create(program.bytes, {
      executionProviders: ['cpu'],
      intraOpNumThreads: this.#threads,
      interOpNumThreads: 1,
      executionMode: 'sequential',
      graphOptimizationLevel: optimize ? 'all' : 'disabled',
      logSeverityLevel: 4,
    });
    const handle = this.#nextHandle++;
    const outputs = new Map(Object.entries(program.outputs).map(([name, type]) => [name, zeros(type)]));
    this.#programs.set(handle, { program, session, outputs });
    return handle;
  }

  async unload(handle: Handle): Promise<void> {
    const loaded = this.#programs.get(handle);
    this.#programs.delete(handle);
    await this.#last.catch(() => {});
    await loaded?.session.release();
  }

  async createStore(spec: Readonly<Record<string, Type>>, values: HostArrays): Promise<Handle> {
    const entries = new Map(checkedValues('store: entry', spec, (name) => values.get(name)).map(([name, value]): [string, Entry] => [name, { current: copyIn(value), spare: undefined }]));
    const handle = this.#nextHandle++;
    this.#stores.set(handle, { spec, entries });
    return handle;
  }

  async read(handle: Handle, names?: readonly string[]): Promise<Map<string, HostArray>> {
    const store = this.#store(handle);
    await this.#last.catch(() => {});
    return new Map((names ?? Object.keys(store.spec)).map((name) => [name, copyOut(entryOf(store, name).current, store.spec[name]!)]));
  }

  async write(handle: Handle, values: HostArrays): Promise<void> {
    const store = this.#store(handle);
    await this.#last.catch(() => {});
    const types = Object.fromEntries([...values.keys()].map((name) => [name, (entryOf(store, name), store.spec[name]!)]));
    for (const [name, value] of checkedValues('store: entry', types, (key) => values.get(key))) entryOf(store, name).current = copyIn(value);
  }

  async releaseStore(handle: Handle): Promise<void> {
    this.#stores.delete(handle);
  }

  run(handle: Handle, storeHandle: Handle | null, inputs: Readonly<Record<string, HostArray>>): Promise<Record<string, HostArray>> {
    const result = this.#last.catch(() => {}).then(() => this.#runNow(handle, storeHandle, inputs));
    this.#last = result;
    return result;
  }

  async #runNow(handle: Handle, storeHandle: Handle | null, inputs: Readonly<Record<string, HostArray>>): Promise<Record<string, HostArray>> {
    const loaded = this.#programs.get(handle);
    if (!loaded) throw new Error('run: the program has been disposed');
    const { program, session, outputs } = loaded;
    const store = storeHandle === null ? undefined : this.#store(storeHandle);
    const feeds: Record<string, ort.Tensor> = {};
    for (const [name, value] of checkedValues('input', program.inputs, (key) => inputs[key])) feeds[name] = wrap(value);
    for (const [name, type] of Object.entries(program.reads)) {
      if (!store) throw new Error(`run: the program reads "${name}" and was given no store`);
      requireType(store, name, type);
      feeds[readName(name)] = entryOf(store, name).current;
    }
    const fetches: Record<string, ort.Tensor> = Object.fromEntries(outputs);
    for (const [name, type] of Object.entries(program.writes)) {
      if (!store) throw new Error(`run: the program writes "${name}" and was given no store`);
      requireType(store, name, type);
      const entry = entryOf(store, name);
      entry.spare ??= zeros(type);
      fetches[writeName(name)] = entry.spare;
    }
    await session.run(feeds, fetches);
    for (const name of Object.keys(program.writes)) {
      const entry = entryOf(store!, name);
      [entry.current, entry.spare] = [entry.spare!, entry.current];
    }
    return Object.fromEntries([...outputs].map(([name, tensor]) => [name, copyOut(tensor, program.outputs[name]!)]));
  }

  async close(): Promise<void> {
    for (const handle of this.#programs.keys()) await this.unload(handle);
    this.#stores.clear();
  }

  #store(handle: Handle): HeldStore {
    const store = this.#stores.get(handle);
    if (!store) throw new Error('store: it has been disposed');
    return store;
  }
}

function entryOf(store: HeldStore, name: string): Entry {
  const entry = store.entries.get(name);
  if (!entry) throw new Error(`store: no entry "${name}"`);
  return entry;
}

function requireType(store: HeldStore, name: string, type: Type): void {
  const held = store.spec[name];
  if (!held) throw new Error(`store: no entry "${name}"`);
  if (held.dtype !== type.dtype || held.shape.join() !== type.shape.join()) throw new Error(`store: "${name}" is ${describeType(held)}, the program takes ${describeType(type)}`);
}

function wrap({ dtype, shape, data }: HostArray): ort.Tensor {
  return new ort.Tensor(ortTypes[dtype], data as Float32Array, shape);
}

function zeros({ dtype, shape }: Type): ort.Tensor {
  return wrap({ dtype, shape, data: allocate(dtype, sizeOf(shape)) });
}

function copyIn(value: HostArray): ort.Tensor {
  return wrap({ ...value, data: value.data.slice() });
}

function copyOut(tensor: ort.Tensor, { dtype, shape }: Type): HostArray {
  return { dtype, shape, data: (tensor.data as Float32Array).slice() };
}
