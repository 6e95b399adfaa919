import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { costOf, type Cost, type TracedType } from './cost.ts';
import { median } from './statistics.ts';

/** One node of a graph, as it ran. */
export interface TracedNode extends Cost {
  readonly name: string;
  readonly opType: string;
  /** Median over the runs. */
  readonly ms: number;
  readonly bestMs: number;
}

/** What ONNX Runtime noted about the runs of one program. */
export interface Trace {
  /** Runs in a step: more than one for a program that accumulates. */
  readonly runsPerStep: number;
  /** For each step, its runs from the engine's entrance to its exit, together. */
  readonly stepMs: readonly number[];
  /** In the order in which they ran. */
  readonly nodes: readonly TracedNode[];
}

/** An event of a profile: ONNX Runtime writes them in Chrome's trace format, microseconds throughout. */
interface ProfileEvent {
  readonly cat: string;
  readonly name: string;
  readonly ts: number;
  readonly dur: number;
  readonly args: {
    readonly op_name?: string;
    readonly input_type_shape?: readonly TypeShape[];
    readonly output_type_shape?: readonly TypeShape[];
  };
}

type TypeShape = Readonly<Record<string, readonly number[]>>;

/**
 * Runs programs on an executor with the given `profileDir`, and reads what it has noted once it is disposed.
 *
 * @param run    does the same step a number of times: `warmup` that do not count, then `steps`
 * @returns one trace a program, in the order in which they were compiled
 */
export async function traced(
  run: (profileDir: string) => Promise<void>,
  { warmup, steps }: { readonly warmup: number; readonly steps: number },
): Promise<Trace[]> {
  const dir = await mkdtemp(join(tmpdir(), 'kuosan-profile-'));
  try {
    await run(dir);
    // Their names end in the time at which they were begun.
    const files = (await readdir(dir)).sort();
    return await Promise.all(
      files.map(async (name) =>
        traceOf(JSON.parse(await readFile(join(dir, name), 'utf8')) as readonly ProfileEvent[], warmup, steps),
      ),
    );
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

function traceOf(events: readonly ProfileEvent[], warmup: number, steps: number): Trace {
  const all = events.filter(({ cat, name }) => cat === 'Session' && name === 'model_run');
  const runsPerStep = all.length / (warmup + steps);
  const runs = all.slice(warmup * runsPerStep);
  const from = runs[0]!.ts;
  const byName = new Map<string, { event: ProfileEvent; times: number[] }>();
  for (const event of events) {
    if (event.cat !== 'Node' || event.ts < from || !event.name.endsWith(kernelTime)) continue;
    const seen = byName.get(event.name);
    if (seen) seen.times.push(event.dur / 1000);
    else byName.set(event.name, { event, times: [event.dur / 1000] });
  }
  const nodes = [...byName.values()].map(({ event: { name, args }, times }): TracedNode => {
    const opType = args.op_name ?? '';
    return {
      name: name.slice(0, -kernelTime.length),
      opType,
      ms: median(times),
      bestMs: Math.min(...times),
      ...costOf(opType, types(args.input_type_shape), types(args.output_type_shape)),
    };
  });
  const stepMs = Array.from({ length: steps }, (_, step) =>
    runs.slice(step * runsPerStep, (step + 1) * runsPerStep).reduce((total, { dur }) => total + dur / 1000, 0),
  );
  return { runsPerStep, stepMs, nodes };
}

const kernelTime = '_kernel_time';

function types(noted: readonly TypeShape[] = []): TracedType[] {
  return noted.flatMap((type) => Object.entries(type).map(([dtype, shape]) => ({ dtype, shape })));
}
