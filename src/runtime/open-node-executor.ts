import { add, input, program, type Executor } from '../core/index.ts';
import { isSoftware, mayHaveGpu, recordedAdapter, type Adapter } from './adapter.ts';
import { createNodeExecutor, type NodeExecutorOptions } from './create-node-executor.ts';
import { cudaMissing } from './cuda.ts';
import { compareDevices, tolerableError, type DeviceComparison } from './device-check.ts';
import type { NodeDevice } from './node-device.ts';

/** What can be asked for: a device, or the fastest that is right. */
export const deviceChoices = ['auto', 'cpu', 'webgpu', 'cuda'] as const;
export type DeviceChoice = (typeof deviceChoices)[number];

/** Options of `openNodeExecutor`. */
export interface OpenNodeExecutorOptions extends Omit<NodeExecutorOptions, 'device'> {
  /**
   * Default 'auto': a GPU through WebGPU if there is a real one, it computes the processor's numbers and it is
   * at least twice as fast in a step of training; else the processor. Never an adapter in software.
   */
  readonly device?: DeviceChoice;
  /** Called with notes on the choice, one line each. */
  readonly note?: (line: string) => void;
}

/** A GPU that is hardly faster is not worth experimental kernels, nor a choice that depends on a busy moment. */
const worthwhileSpeedup = 2;

/** Compiling the kernels of the comparison takes a few seconds on a GPU; a GPU that hangs is given up. */
const comparingSeconds = 60;

/**
 * Opens an executor on a device, which is looked for and tried at once.
 *
 * @throws if the device is not there or cannot compute, with the reason and a hint
 * @example
 * import { openNodeExecutor } from 'kuosan/runtime/node';
 *
 * const executor = await openNodeExecutor({ device: 'webgpu' });
 */
export async function openNodeExecutor({
  device = 'auto',
  note = () => {},
  ...options
}: OpenNodeExecutorOptions = {}): Promise<Executor> {
  switch (device) {
    case 'auto':
      return chooseExecutor(options, note);
    case 'cpu':
      return createNodeExecutor({ ...options, device });
    case 'webgpu': {
      const { executor, adapter } = await openGpu(options);
      if (isSoftware(adapter))
        note(`${adapter.adapter} only imitates a GPU, and is many times slower than --device cpu`);
      return executor;
    }
    case 'cuda': {
      const missing = cudaMissing();
      if (missing) throw new Error(`cuda: ${missing}; --device cpu computes on the processor`);
      return tried('cuda', createNodeExecutor({ ...options, device }));
    }
  }
}

async function chooseExecutor(
  options: Omit<NodeExecutorOptions, 'device'>,
  note: (line: string) => void,
): Promise<Executor> {
  const processor = createNodeExecutor({ ...options, device: 'cpu' });
  // Who names a driver in the environment of the engine has one.
  if (!mayHaveGpu() && !options.env) return processor;
  const opened = await openGpu(options).catch(() => undefined);
  if (!opened) return processor;
  const { executor, adapter } = opened;
  const reason = isSoftware(adapter)
    ? null
    : await withinSeconds(comparingSeconds, compareDevices(executor, processor)).then(
        (shown) => reasonAgainst(adapter, shown),
        (error: Error) => `${adapter.adapter}: ${error.message}`,
      );
  if (reason === undefined) {
    await processor.dispose();
    return executor;
  }
  if (reason !== null) note(`${reason}; computing on the processor (--device webgpu takes the GPU anyway)`);
  await executor.dispose();
  return processor;
}

/** Why the processor is the better choice, or undefined if it is not. */
export function reasonAgainst({ adapter }: Adapter, { error, speedup }: DeviceComparison): string | undefined {
  if (!(error <= tolerableError))
    return `${adapter} computes other numbers than the processor (off by ${error.toPrecision(2)})`;
  if (!(speedup >= worthwhileSpeedup)) return `${adapter} is ${speedup.toPrecision(2)} times as fast as the processor`;
  return undefined;
}

async function openGpu(
  options: Omit<NodeExecutorOptions, 'device'>,
): Promise<{ executor: Executor; adapter: Adapter }> {
  const executor = await tried('webgpu', createNodeExecutor({ ...options, device: 'webgpu' }));
  const adapter = recordedAdapter(await executor.environment());
  return { executor: { ...executor, device: `webgpu (${adapter.adapter}, experimental)` }, adapter };
}

/** The executor, once it has computed something. */
async function tried(device: NodeDevice, executor: Executor): Promise<Executor> {
  try {
    const smallest = await executor.compile(program({ outputs: { y: add(input('x', [1]), 1) } }));
    const { y } = await smallest.run(null, { x: { shape: [1], dtype: 'f32', data: Float32Array.of(1) } });
    await smallest.dispose();
    if (y!.data[0] !== 2) throw new Error(`1 + 1 came out as ${y!.data[0]}`);
    return executor;
  } catch (error) {
    await executor.dispose();
    const { message } = error as Error;
    throw new Error(
      `${device}: ${message}${message.includes('--device cpu') ? '' : '; --device cpu computes on the processor'}`,
      { cause: error },
    );
  }
}

/** @throws if it takes longer */
async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${seconds} seconds`)), seconds * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}
