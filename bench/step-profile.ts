import type { Ceilings } from './ceilings.ts';
import { median } from './statistics.ts';
import type { StepProfile } from './steps.ts';
import { digits, layTable, percent } from './table.ts';
import type { TracedNode } from './trace.ts';

/** Nodes taken together. */
export interface Part {
  readonly name: string;
  readonly calls: number;
  readonly ms: number;
  /** Milliseconds by phase. */
  readonly phases: Readonly<Record<Phase, number>>;
  readonly gflop: number;
  readonly megabytes: number;
  /** The time that the ceilings allow for each node, added up. */
  readonly leastMs: number;
}

export type Phase = 'forward' | 'backward' | 'update';

/** A step profile by operator and by part of the network. */
export interface StepSummary {
  /** With the profiler off, as users see it. */
  readonly ms: number;
  /** The engine's part with the profiler on. */
  readonly engineMs: number;
  readonly total: Part;
  /** Both with the slowest first. */
  readonly operators: readonly Part[];
  readonly modules: readonly Part[];
}

/** @param depth  parts of a module's path that count: 2 folds `down_blocks.0.resnets.1.conv1` into `down_blocks.0` */
export function summary({ plain, engine, nodes }: StepProfile, depth: number, ceilings: Ceilings): StepSummary {
  const parts = (key: (node: TracedNode) => string) => {
    const groups = new Map<string, StepProfile['nodes'][number][]>();
    for (const node of nodes) {
      const name = key(node);
      groups.set(name, [...(groups.get(name) ?? []), node]);
    }
    return [...groups].map(([name, members]) => partOf(name, members, ceilings)).sort((a, b) => b.ms - a.ms);
  };
  return {
    ms: median(plain),
    engineMs: median(engine),
    total: partOf('all nodes', nodes, ceilings),
    operators: parts(({ opType }) => opType),
    modules: parts(({ name }) => placeOf(name).module.split('.').slice(0, depth).join('.')),
  };
}

function partOf(name: string, nodes: StepProfile['nodes'], { gflops, gbps }: Ceilings): Part {
  const total = (value: (node: TracedNode) => number) => nodes.reduce((sum, node) => sum + node.calls * value(node), 0);
  const phase = (wanted: Phase) => total((node) => (placeOf(node.name).phase === wanted ? node.ms : 0));
  return {
    name,
    calls: total(() => 1),
    ms: total((node) => node.ms),
    phases: { forward: phase('forward'), backward: phase('backward'), update: phase('update') },
    gflop: total(({ flops }) => flops) / 1e9,
    megabytes: total(({ bytes }) => bytes) / 1e6,
    leastMs: total(({ flops, bytes }) => Math.max(flops / gflops, bytes / gbps) / 1e6),
  };
}

/** Where in the network a node belongs, from its name: `grad/params/down_blocks.0.resnets.0.conv1/Conv_2`. */
function placeOf(node: string): { module: string; phase: Phase } {
  // The engine's optimizer appends to the names of what it fuses, and gives its own nodes names without a place.
  const [, scope] = /^(.*?)\/[A-Z]\w*_\d+(?:\/.*)?$/.exec(node) ?? [];
  if (scope === undefined) return { module: '(made by the engine)', phase: 'forward' };
  const phase = scope.startsWith('grad/') ? 'backward' : /^(?:update|adam)(?:\/|$)/.test(scope) ? 'update' : 'forward';
  // Before the last slash stand the phase and the part of the store.
  const module = scope.slice(scope.lastIndexOf('/') + 1);
  return { module: module === '' || module === 'update' || module === 'grad' ? '(no module)' : module, phase };
}

/** Operators below this share are told together. */
const smallest = 0.004;

/** The tables for a terminal of 100 columns. */
export function described({ ms, engineMs, total, operators, modules }: StepSummary): string {
  const rates = ({ ms: time, gflop, megabytes, leastMs }: Part) => [
    digits((gflop / time) * 1e3),
    digits(megabytes / time),
    percent(leastMs / time),
  ];
  const small = operators.filter((part) => part.ms / total.ms < smallest);
  const shown = operators.filter((part) => part.ms / total.ms >= smallest);
  const byOperator = [
    ['operator', 'calls', 'ms', 'share', 'GFLOP', 'MB', 'GFLOP/s', 'GB/s', 'of ceiling'],
    ...shown.map((part) => [
      part.name,
      String(part.calls),
      digits(part.ms),
      percent(part.ms / total.ms),
      digits(part.gflop),
      digits(part.megabytes),
      ...rates(part),
    ]),
    ...(small.length > 0
      ? [
          [
            `${small.length} others`,
            String(sum(small, 'calls')),
            digits(sum(small, 'ms')),
            percent(sum(small, 'ms') / total.ms),
            '',
            '',
            '',
            '',
            '',
          ],
        ]
      : []),
    [
      total.name,
      String(total.calls),
      digits(total.ms),
      '',
      digits(total.gflop),
      digits(total.megabytes),
      ...rates(total),
    ],
  ];
  const hasPhases = total.phases.backward > 0 || total.phases.update > 0;
  const phases = (part: Part) =>
    hasPhases ? [part.phases.forward, part.phases.backward, part.phases.update].map(digits) : [];
  const byModule = [
    ['module', ...(hasPhases ? ['forward', 'backward', 'update'] : []), 'ms', 'share', 'GFLOP/s', 'GB/s', 'of ceiling'],
    ...modules.map((part) => [
      part.name,
      ...phases(part),
      digits(part.ms),
      percent(part.ms / total.ms),
      ...rates(part),
    ]),
    [total.name, ...phases(total), digits(total.ms), '', ...rates(total)],
  ];
  return [
    layTable(byOperator),
    '',
    layTable(byModule),
    '',
    `a step takes ${digits(ms)} ms; with the profiler on, the engine's run takes ${digits(engineMs)} ms, of which ${digits(engineMs - total.ms)} ms are between the nodes`,
  ].join('\n');
}

function sum(parts: readonly Part[], key: 'calls' | 'ms'): number {
  return parts.reduce((total, part) => total + part[key], 0);
}
