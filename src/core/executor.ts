import { describeType, sizeOf, type HostArray, type Type } from './dtype.ts';
import { sameType, type Program } from './program.ts';

/** Values by name. */
export type HostArrays = ReadonlyMap<string, HostArray>;

/**
 * Named tensors owned by an executor, kept on its device between runs and independent of any program.
 */
export interface Store {
  readonly spec: Readonly<Record<string, Type>>;
  /** Copies entries to the host: the named ones, or all. */
  read(names?: readonly string[]): Promise<Map<string, HostArray>>;
  /** Replaces the named entries. */
  write(values: HostArrays): Promise<void>;
  dispose(): Promise<void>;
}

/** A compiled program. Runs of one executor are serial, in the order in which they were asked for. */
export interface Executable {
  /**
   * The memory of a run without the store, its inputs and its outputs, in bytes; undefined where the
   * executor does not know, or computes in memory of its own.
   */
  readonly peakBytes?: number;
  /**
   * Computes the outputs and replaces the written entries of the store. If it fails, the store is as before.
   *
   * @param store   null for a program that reads and writes no state
   * @param inputs  the program's inputs by name; others are ignored
   */
  run(store: Store | null, inputs: Readonly<Record<string, HostArray>>): Promise<Record<string, HostArray>>;
  dispose(): Promise<void>;
}

/** Facts about an executor by name. */
export type Environment = Readonly<Record<string, string | number | null>>;

/** Something that runs programs: the interpreter, ONNX Runtime in Node, ONNX Runtime in a browser. */
export interface Executor {
  /** What it runs on, for people: `interpreter`, `cpu (2 threads)`. */
  readonly device: string;
  /**
   * What decides the last bits of its results: engine and version, provider, threads, kernels. Two runs with the same
   * values here compute the same bytes, so checkpoints record it.
   */
  environment(): Promise<Environment>;
  compile(program: Program): Promise<Executable>;
  createStore(spec: Readonly<Record<string, Type>>, values: HostArrays): Promise<Store>;
  dispose(): Promise<void>;
}

/** The values of `spec`'s entries in its order, checked for presence and type. */
export function checkedValues(
  what: string,
  spec: Readonly<Record<string, Type>>,
  get: (name: string) => HostArray | undefined,
): [string, HostArray][] {
  return Object.entries(spec).map(([name, type]) => {
    const value = get(name);
    if (!value) throw new Error(`${what} "${name}" is missing; expected ${describeType(type)}`);
    if (!sameType(value, type))
      throw new Error(`${what} "${name}" is ${describeType(value)}, expected ${describeType(type)}`);
    if (value.data.length !== sizeOf(type.shape))
      throw new Error(`${what} "${name}": ${value.data.length} values do not fill [${type.shape.join(', ')}]`);
    return [name, value];
  });
}

/** The store a set of programs needs: every entry that one of them reads or writes. */
export function storeSpec(programs: readonly Program[]): Record<string, Type> {
  const spec: Record<string, Type> = {};
  for (const { reads, writes } of programs) {
    for (const [name, type] of [...Object.entries(reads), ...Object.entries(writes)]) {
      const earlier = spec[name];
      if (earlier && !sameType(earlier, type))
        throw new Error(`store: "${name}" is both ${describeType(earlier)} and ${describeType(type)}`);
      spec[name] = { shape: type.shape, dtype: type.dtype };
    }
  }
  return spec;
}
