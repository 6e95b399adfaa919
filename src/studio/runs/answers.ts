/** What the studio's server answers about runs and the machine (src/server/studio). */

/** [step, value], in the order in which they came. */
export type Points = readonly (readonly [step: number, value: number])[];

/** A run in the list. */
export interface ListedRun {
  /** Its folder below the folder of runs: `photos`, `icons/base`. */
  readonly name: string;
  readonly task: string;
  readonly data: string | null;
  /** Of its latest checkpoint; null before the first. */
  readonly step: number | null;
  /** Of the last line of its log; 0 before the first. */
  readonly loggedStep: number;
  readonly steps: number | null;
  readonly state: 'training' | 'finished' | 'stopped';
}

/** Answer of `GET /api/runs`. */
export interface RunList {
  readonly object: 'list';
  /** As the command was given it. */
  readonly folder: string;
  readonly data: readonly ListedRun[];
  /** What is wrong with those that are not in the list, a line each. */
  readonly problems: readonly string[];
}

/** What a run has written so far. */
export interface RunMetrics {
  /** Of the last line of its log; 0 before the first. */
  readonly loggedStep: number;
  /** By name: `loss`, `learningRate`, `gradNorm`, `imagesPerSecond`, and `discriminator.loss` of another objective. */
  readonly curves: Readonly<Record<string, Points>>;
  /** What was measured of the model, by name. */
  readonly evaluations: Readonly<Record<string, Points>>;
  /** Lines that are none of ours: cut short by a kill or a full disk. */
  readonly unreadable: number;
}

/** Answer of `GET /api/runs/{name}`. */
export interface RunDetails extends ListedRun, RunMetrics {
  readonly object: 'run';
  readonly config: Readonly<Record<string, unknown>>;
  /** Steps of which there is a sample grid. */
  readonly samples: readonly number[];
}

/** What a process takes. */
export interface ProcessUsage {
  /** Processors that it keeps busy; null before there are two readings. */
  readonly processors: number | null;
  readonly residentBytes: number;
}

/** What is in use of a machine. */
export interface MachineUsage {
  /** How many there are, and how many are busy; null before there are two readings. */
  readonly processors: { readonly count: number; readonly busy: number | null };
  readonly memory: { readonly bytes: number; readonly used: number };
}

/** Answer of `GET /api/machine`. */
export interface Machine extends MachineUsage {
  readonly object: 'machine';
  /** The processes that train a run, as far as they are on the server's machine and its system tells of them. */
  readonly training: readonly (ProcessUsage & { readonly run: string })[];
}
