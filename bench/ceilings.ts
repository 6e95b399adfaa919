import {
  allocate,
  matmul,
  neg,
  program,
  sizeOf,
  state,
  storeSpec,
  type HostArray,
  type Program,
} from '../src/core/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { traced } from './trace.ts';

/** The most that this machine gives, measured: what a kernel is compared with. */
export interface Ceilings {
  /** Of a product of two 2048 × 2048 matrices. */
  readonly gflops: number;
  /** Read and written in a pass over 64 MiB, more than the caches hold. */
  readonly gbps: number;
}

const side = 2048;
const elements = 1 << 24;
const repeats = 12;

/** Measures both ceilings with the engine's own kernels, best of a few runs: about a second. */
export async function measureCeilings(threads: number): Promise<Ceilings> {
  const product = program({ writes: { y: matmul(state('a', [side, side]), state('b', [side, side])) } });
  const copy = program({ writes: { y: neg(state('x', [elements])) } });
  const [flops, bytes] = [2 * side ** 3, 8 * elements];
  return {
    gflops: flops / (await kernelMs(product, threads)) / 1e6,
    gbps: bytes / (await kernelMs(copy, threads)) / 1e6,
  };
}

/** The least time that the one node of a program over a store took. */
async function kernelMs(p: Program, threads: number): Promise<number> {
  const spec = storeSpec([p]);
  const values = new Map(
    Object.entries(spec).map(([name, type]): [string, HostArray] => [
      name,
      { ...type, data: allocate(type.dtype, sizeOf(type.shape)).fill(1 as never) },
    ]),
  );
  const [trace] = await traced(
    async (profileDir) => {
      const executor = createNodeExecutor({ threads, worker: false, profileDir });
      const store = await executor.createStore(spec, values);
      const executable = await executor.compile(p);
      for (let i = 0; i < repeats; i++) await executable.run(store, {});
      await executor.dispose();
    },
    { warmup: 1, steps: repeats - 1 },
  );
  return trace!.nodes.reduce((total, { bestMs }) => total + bestMs, 0);
}
