import type { InferenceSession, Tensor } from 'onnxruntime-common';
import {
  checkedValues,
  describeType,
  type Environment,
  type HostArray,
  type HostArrays,
  type Type,
} from '../core/index.ts';
import { readName, refusedOutput, withRefusedOutput, writeName, type OnnxProgram } from '../onnx/index.ts';
import type { Engine } from './engine.ts';
import { residenceOf, type Residence } from './residence.ts';
import type { Handle, LoadOptions, SessionService } from './session-service.ts';
import { copyOut, wrap, zeroTensor } from './tensors.ts';

interface LoadedProgram {
  readonly program: Omit<OnnxProgram, 'bytes'>;
  readonly session: InferenceSession;
  /** Where the engine writes in place: output buffers, made once, so that a step allocates nothing. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** What a run throws when all is done, in place of returning copies. */
  readonly refusal: string | undefined;
  /** Its entries of the stores that it has run on: there are a thousand, and to look them up is a part of a short step. */
  readonly bindings: WeakMap<HeldStore, Binding>;
}

/** A program's entries of one store, by the names of its session. */
interface Binding {
  readonly reads: readonly (readonly [name: string, entry: Entry])[];
  readonly writes: readonly { readonly name: string; readonly entry: Entry; readonly type: Type }[];
}

/** The value of an entry, and where the engine writes in place, the buffer that the next step writes. */
interface Entry {
  current: Tensor;
  spare: Tensor | undefined;
  /** The program whose session made `current`, if one did: on a device, buffers end with the session that made them. */
  madeBy: Handle | undefined;
}

interface HeldStore {
  readonly spec: Readonly<Record<string, Type>>;
  readonly entries: Map<string, Entry>;
}

/**
 * Owns ONNX Runtime sessions and stores on one thread.
 *
 * State is double-buffered: a step reads one buffer of an entry and writes another, which takes its place only when the
 * run has succeeded, so a failed run leaves the store as it was.
 */
export class SessionHost implements SessionService {
  readonly #engine: Engine;
  readonly #residence: Residence;
  readonly #ownsArguments: boolean;
  readonly #programs = new Map<Handle, LoadedProgram>();
  readonly #stores = new Map<Handle, HeldStore>();
  #nextHandle = 1;
  #engineMs = 0;
  #last: Promise<unknown> = Promise.resolve();

  /** @param ownsArguments  arrays given to it are nobody else's, because they came by message */
  constructor(engine: Engine, { ownsArguments = false }: { ownsArguments?: boolean } = {}) {
    this.#engine = engine;
    this.#residence = residenceOf(engine);
    this.#ownsArguments = ownsArguments;
  }

  /** Whatever uses a session or an entry is serial: one run takes the whole engine, and stores are not locked. */
  #serially<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.catch(() => {}).then(work);
    this.#last = result;
    return result;
  }

  /** Whether an array may become an entry itself; where several entries were given one array, the first has it. */
  #isOwn({ data }: HostArray, taken: Set<ArrayBufferLike>): boolean {
    const own = this.#ownsArguments && !taken.has(data.buffer) && data.byteLength === data.buffer.byteLength;
    taken.add(data.buffer);
    return own;
  }

  facts(): Promise<Environment> {
    return this.#serially(async () => {
      await this.#residence.open();
      return this.#engine.facts();
    });
  }

  blockSize(): Promise<number | null> {
    return this.#serially(async () => (await this.#engine.blockSize?.()) ?? null);
  }

  load({ bytes, ...program }: OnnxProgram, { optimize }: LoadOptions): Promise<Handle> {
    return this.#serially(async () => {
      await this.#residence.open();
      const stays = Object.keys(program.writes).map((name) => [writeName(name), this.#residence.location] as const);
      // State is all the weights and moments; what else is returned is a few numbers.
      const refusal = stays.length > 0 ? this.#engine.refusal : undefined;
      const session = await this.#engine.ort.InferenceSession.create(
        refusal === undefined ? bytes : withRefusedOutput(bytes),
        {
          ...this.#engine.session,
          interOpNumThreads: 1,
          executionMode: 'sequential',
          graphOptimizationLevel: optimize ? 'all' : 'disabled',
          ...(this.#engine.state === 'device' && {
            preferredOutputLocation: {
              ...Object.fromEntries(Object.keys(program.outputs).map((name) => [name, 'cpu'])),
              ...Object.fromEntries(stays),
            },
          }),
        },
      );
      const handle = this.#nextHandle++;
      const outputs = this.#engine.writesInPlace
        ? Object.fromEntries(
            Object.entries(program.outputs).map(([name, type]) => [name, zeroTensor(this.#engine, type)]),
          )
        : {};
      this.#programs.set(handle, { program, session, outputs, refusal, bindings: new WeakMap() });
      return handle;
    });
  }

  async unload(handle: Handle): Promise<void> {
    const loaded = this.#programs.get(handle);
    this.#programs.delete(handle);
    await this.#serially(async () => {
      if (this.#engine.session.enableProfiling) loaded?.session.endProfiling();
      for (const { spec, entries } of this.#stores.values()) {
        for (const [name, entry] of entries)
          if (entry.madeBy === handle) replace(entry, await this.#residence.adopt(entry.current, spec[name]!));
      }
      await loaded?.session.release();
    });
  }

  async createStore(spec: Readonly<Record<string, Type>>, values: HostArrays): Promise<Handle> {
    const checked = checkedValues('store: entry', spec, (name) => values.get(name));
    return this.#serially(async () => {
      const entries = new Map<string, Entry>();
      const taken = new Set<ArrayBufferLike>();
      for (const [name, value] of checked)
        entries.set(name, {
          current: await this.#residence.put(value, this.#isOwn(value, taken)),
          spare: undefined,
          madeBy: undefined,
        });
      const handle = this.#nextHandle++;
      this.#stores.set(handle, { spec, entries });
      return handle;
    });
  }

  async read(handle: Handle, names?: readonly string[]): Promise<Map<string, HostArray>> {
    const store = this.#store(handle);
    const wanted = names ?? Object.keys(store.spec);
    for (const name of wanted) entryOf(store, name);
    return this.#serially(async () => {
      const values = new Map<string, HostArray>();
      for (const name of wanted)
        values.set(name, await this.#residence.get(entryOf(store, name).current, store.spec[name]!));
      return values;
    });
  }

  async write(handle: Handle, values: HostArrays): Promise<void> {
    const store = this.#store(handle);
    const types = Object.fromEntries(
      [...values.keys()].map((name) => [name, (entryOf(store, name), store.spec[name]!)]),
    );
    const checked = checkedValues('store: entry', types, (key) => values.get(key));
    return this.#serially(async () => {
      for (const [name, value] of checked) replace(entryOf(store, name), await this.#residence.put(value));
    });
  }

  async releaseStore(handle: Handle): Promise<void> {
    const store = this.#stores.get(handle);
    this.#stores.delete(handle);
    await this.#serially(async () => store && dispose(store));
  }

  run(
    handle: Handle,
    storeHandle: Handle | null,
    inputs: Readonly<Record<string, HostArray>>,
  ): Promise<Record<string, HostArray>> {
    return this.#serially(() => this.#runNow(handle, storeHandle, inputs));
  }

  async #runNow(
    handle: Handle,
    storeHandle: Handle | null,
    inputs: Readonly<Record<string, HostArray>>,
  ): Promise<Record<string, HostArray>> {
    const loaded = this.#programs.get(handle);
    if (!loaded) throw new Error('run: the program has been disposed');
    const { program, session, outputs, refusal } = loaded;
    const { reads, writes } = bindingOf(loaded, storeHandle === null ? undefined : this.#store(storeHandle));
    const feeds: Record<string, Tensor> = {};
    for (const [name, value] of checkedValues('input', program.inputs, (key) => inputs[key]))
      feeds[name] = wrap(this.#engine, value);
    for (const [name, entry] of reads) feeds[name] = entry.current;
    if (this.#engine.writesInPlace) {
      const fetches: Record<string, Tensor | null> = {
        ...outputs,
        ...(refusal !== undefined && { [refusedOutput]: null }),
      };
      for (const { entry, name, type } of writes) fetches[name] = entry.spare ??= zeroTensor(this.#engine, type);
      await this.#timed(() => session.run(feeds, fetches)).catch((error: Error) => {
        if (error.message !== refusal) throw error;
      });
      for (const { entry } of writes) [entry.current, entry.spare] = [entry.spare!, entry.current];
      return Object.fromEntries(
        Object.entries(outputs).map(([name, tensor]) => [name, copyOut(tensor, program.outputs[name]!)]),
      );
    }
    const results = await this.#timed(() => session.run(feeds));
    for (const { entry, name } of writes) replace(entry, results[name]!, handle);
    return Object.fromEntries(
      Object.entries(program.outputs).map(([name, type]) => [name, copyOut(results[name]!, type)]),
    );
  }

  async #timed<T>(run: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await run();
    } finally {
      this.#engineMs += performance.now() - start;
    }
  }

  engineMs(): Promise<number> {
    return this.#serially(async () => this.#engineMs);
  }

  async close(): Promise<void> {
    for (const handle of this.#stores.keys()) await this.releaseStore(handle);
    for (const handle of this.#programs.keys()) await this.unload(handle);
    await this.#serially(() => this.#residence.close());
  }

  #store(handle: Handle): HeldStore {
    const store = this.#stores.get(handle);
    if (!store) throw new Error('store: it has been disposed');
    return store;
  }
}

/** @throws if the program takes an entry that the store has not, or has of another type */
function bindingOf({ program, bindings }: LoadedProgram, store: HeldStore | undefined): Binding {
  const made = store && bindings.get(store);
  if (made) return made;
  const entry = (verb: 'reads' | 'writes', name: string, type: Type) => {
    if (!store) throw new Error(`run: the program ${verb} "${name}" and was given no store`);
    requireType(store, name, type);
    return entryOf(store, name);
  };
  const binding: Binding = {
    reads: Object.entries(program.reads).map(([name, type]) => [readName(name), entry('reads', name, type)]),
    writes: Object.entries(program.writes).map(([name, type]) => ({
      name: writeName(name),
      entry: entry('writes', name, type),
      type,
    })),
  };
  if (store) bindings.set(store, binding);
  return binding;
}

function entryOf(store: HeldStore, name: string): Entry {
  const entry = store.entries.get(name);
  if (!entry) throw new Error(`store: no entry "${name}"`);
  return entry;
}

function replace(entry: Entry, value: Tensor, madeBy?: Handle): void {
  if (value !== entry.current) entry.current.dispose();
  entry.current = value;
  entry.madeBy = madeBy;
}

function dispose(store: HeldStore): void {
  for (const { current } of store.entries.values()) current.dispose();
  store.entries.clear();
}

function requireType(store: HeldStore, name: string, type: Type): void {
  const held = store.spec[name];
  if (!held) throw new Error(`store: no entry "${name}"`);
  if (held.dtype !== type.dtype || held.shape.join() !== type.shape.join())
    throw new Error(`store: "${name}" is ${describeType(held)}, the program takes ${describeType(type)}`);
}
