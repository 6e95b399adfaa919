import { allocate, type HostArray, type Type } from './dtype.ts';
import { checkedValues, type Executor, type HostArrays, type Store } from './executor.ts';
import type { Program } from './program.ts';
import type { NamedLeaf, Tensor, Values } from './tensor.ts';
import { verify } from './verify.ts';

/** The float64 view of host values; i64 must fit in 53 bits. */
export function toValues(array: HostArray): Values {
  const data =
    array.data instanceof BigInt64Array ? Float64Array.from(array.data, Number) : Float64Array.from(array.data);
  return { shape: array.shape, dtype: array.dtype, data };
}

/** Rounds float64 results to the type's own storage. */
export function fromValues(values: Values): HostArray {
  if (values.dtype === 'f16' || values.dtype === 'bf16') throw new Error(`interpreter: cannot store ${values.dtype}`);
  const data = allocate(values.dtype, values.data.length);
  if (data instanceof BigInt64Array)
    values.data.forEach((v, i) => {
      data[i] = BigInt(v);
    });
  else data.set(values.data);
  return { shape: values.shape, dtype: values.dtype, data };
}

/**
 * Evaluates a program in float64 with the ops' own reference loops: the oracle that every engine is held against.
 *
 * @param leaf  the value of an input or state entry
 */
export function evaluate(
  program: Program,
  leaf: (source: 'input' | 'state', name: string) => Values,
): { outputs: Map<string, Values>; writes: Map<string, Values> } {
  const results = new Map<Tensor, Values>();
  for (const node of program.nodes) {
    const { op } = node;
    let data: readonly Float64Array[];
    if (op.source === 'constant') data = [toValues(node.attrs as HostArray).data];
    else if (op.source) data = [leaf(op.source, (node.attrs as NamedLeaf).name).data];
    else
      data = op.evaluate(
        node.inputs.map((x) => results.get(x)!),
        node.attrs,
        node.outputs,
      );
    node.outputs.forEach((output, i) =>
      results.set(output, { shape: output.shape, dtype: output.dtype, data: data[i]! }),
    );
  }
  const collect = (tensors: Readonly<Record<string, Tensor>>) =>
    new Map(Object.entries(tensors).map(([name, x]) => [name, results.get(x)!]));
  return { outputs: collect(program.outputs), writes: collect(program.writes) };
}

class InterpreterStore implements Store {
  readonly spec: Readonly<Record<string, Type>>;
  readonly values: Map<string, HostArray>;

  constructor(spec: Readonly<Record<string, Type>>, values: HostArrays) {
    this.spec = spec;
    this.values = new Map(checkedValues('store: entry', spec, (name) => values.get(name)));
  }

  async read(names: readonly string[] = Object.keys(this.spec)): Promise<Map<string, HostArray>> {
    return new Map(
      names.map((name) => {
        const value = this.values.get(name);
        if (!value) throw new Error(`store: no entry "${name}"`);
        return [name, value];
      }),
    );
  }

  async write(values: HostArrays): Promise<void> {
    const spec = Object.fromEntries(
      [...values.keys()].map((name) => {
        const type = this.spec[name];
        if (!type) throw new Error(`store: no entry "${name}"`);
        return [name, type];
      }),
    );
    for (const [name, value] of checkedValues('store: entry', spec, (key) => values.get(key)))
      this.values.set(name, value);
  }

  async dispose(): Promise<void> {
    this.values.clear();
  }
}

/** An executor that runs programs by the reference loops: exact, slow, for tests. */
export function createInterpreter(): Executor {
  return {
    device: 'interpreter',
    environment: async () => ({ engine: 'interpreter' }),
    async compile(program) {
      verify(program);
      return {
        async run(store, inputs) {
          const given = new Map(
            checkedValues('input', program.inputs, (name) => inputs[name]).map(([name, value]) => [
              name,
              toValues(value),
            ]),
          );
          const held = store instanceof InterpreterStore ? store.values : new Map<string, HostArray>();
          const reads = new Map(
            checkedValues('store: entry', program.reads, (name) => held.get(name)).map(([name, value]) => [
              name,
              toValues(value),
            ]),
          );
          const { outputs, writes } = evaluate(program, (source, name) =>
            (source === 'input' ? given : reads).get(name)!,
          );
          if (store) await store.write(new Map([...writes].map(([name, values]) => [name, fromValues(values)])));
          return Object.fromEntries([...outputs].map(([name, values]) => [name, fromValues(values)]));
        },
        async dispose() {},
      };
    },
    createStore: async (spec, values) => new InterpreterStore(spec, values),
    async dispose() {},
  };
}
