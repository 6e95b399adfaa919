import type { Environment, Executor, Program, Store, Type } from '../core/index.ts';
import { toOnnx, type Lowerings, type OnnxProgram } from '../onnx/index.ts';
import type { Handle, LoadOptions, SessionService } from './session-service.ts';

/** How programs are lowered for a provider. */
export interface LoweringTarget extends LoadOptions {
  /** What the lowerings are called: two targets of one name lower alike. */
  readonly name: string;
  /** The provider's own lowerings of some ops. */
  readonly lowerings: Partial<Lowerings>;
  /** As the engine has it: see `Engine`. */
  readonly narrowIntegers?: boolean;
}

/** Lowers a program for a target. */
export type Lower = (program: Program, target: LoweringTarget) => Promise<OnnxProgram>;

/** What is particular to one executor over a session service. */
export interface SessionExecutorOptions {
  readonly device: string;
  /** How programs are lowered, asked for once; default standard operators, optimized by ONNX Runtime. */
  readonly target?: (service: SessionService) => Promise<LoweringTarget>;
  /** Default `toOnnx`; or one that remembers. */
  readonly lower?: Lower;
  /** True for a GPU, whose memory is not the machine's; default false. */
  readonly hasOwnMemory?: boolean;
  /** What decides the last bits of results next to the engine's own facts. */
  readonly facts?: (service: SessionService) => Promise<Environment>;
}

/** An executor whose sessions and stores are with a service: on this thread, on another, in another process. */
export function createSessionExecutor(
  service: SessionService,
  {
    device,
    target = async () => ({ name: 'standard', lowerings: {}, optimize: true }),
    lower = lowerAnew,
    hasOwnMemory = false,
    facts,
  }: SessionExecutorOptions,
): Executor {
  let closing: Promise<void> | undefined;
  let chosen: Promise<LoweringTarget> | undefined;
  const open = (): SessionService => {
    if (closing) throw new Error('the executor has been disposed');
    return service;
  };
  return {
    device,
    environment: async () => ({ ...(await open().facts()), ...(await facts?.(open())) }),
    async compile(program: Program) {
      const goal = await (chosen ??= target(open()));
      const onnx = await lower(program, goal);
      const handle = await open().load(onnx, { optimize: goal.optimize });
      return {
        ...(!hasOwnMemory && { peakBytes: onnx.peakBytes }),
        run: async (store, inputs) => open().run(handle, store && handleOf(store, open), inputs),
        // With the executor its programs are gone too, so there is nothing left to do and no mistake to report.
        dispose: async () => (closing ? undefined : service.unload(handle)),
      };
    },
    async createStore(spec, values) {
      return new SessionStore(open, spec, await open().createStore(spec, values));
    },
    dispose: () => (closing ??= service.close()),
  };
}

const lowerAnew: Lower = async (program, { lowerings, narrowIntegers = false }) =>
  toOnnx(program, { lowerings, narrowIntegers });

class SessionStore implements Store {
  readonly spec: Readonly<Record<string, Type>>;
  readonly handle: Handle;
  /** The executor's service; throws once it is disposed. */
  readonly open: () => SessionService;

  constructor(open: () => SessionService, spec: Readonly<Record<string, Type>>, handle: Handle) {
    this.open = open;
    this.spec = spec;
    this.handle = handle;
  }

  read: Store['read'] = async (names) => this.open().read(this.handle, names);
  write: Store['write'] = async (values) => this.open().write(this.handle, values);
  dispose: Store['dispose'] = async () => this.open().releaseStore(this.handle);
}

/** Handles are numbers: another executor has the same ones for other stores. */
function handleOf(store: Store, open: () => SessionService): Handle {
  if (!(store instanceof SessionStore) || store.open !== open)
    throw new Error('run: the store belongs to another executor');
  return store.handle;
}
