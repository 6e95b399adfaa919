/** What of this machine is in use: its processors and memory, and what single processes take of them. */
import { readFile } from 'node:fs/promises';
import { cpus, freemem, totalmem } from 'node:os';
import type { MachineUsage, ProcessUsage } from '../../studio/runs/answers.ts';

interface Reading {
  /** Milliseconds. */
  readonly time: number;
  /** Milliseconds of work before it, in whatever unit is divided by its like. */
  readonly busy: number;
  readonly all: number;
}

/** Kernels count a process's time in hundredths of a second, on every architecture that Node runs on. */
const millisecondsOfTick = 10;
/** Between two readings: in less, a hundredth of a second is a large part. */
const leastMilliseconds = 500;

/** Shares of time need two readings: this keeps the one before. */
export class UsageMeter {
  #machine: { readonly reading: Reading; readonly busy: number | null } | undefined;
  readonly #processes = new Map<number, { readonly reading: Reading; readonly processors: number | null }>();

  /** The machine since it was asked for last. */
  machine(): MachineUsage {
    const all = cpus();
    const times = all.map(({ times: { user, nice, sys, irq, idle } }) => [user + nice + sys + irq, idle] as const);
    const busy = times.reduce((sum, [own]) => sum + own, 0);
    const reading = { time: Date.now(), busy, all: busy + times.reduce((sum, [, idle]) => sum + idle, 0) };
    const before = this.#machine;
    if (!before || reading.time - before.reading.time >= leastMilliseconds) {
      const span = before ? reading.all - before.reading.all : 0;
      this.#machine = {
        reading,
        busy: before && span > 0 ? (all.length * (reading.busy - before.reading.busy)) / span : null,
      };
    }
    return {
      processors: { count: all.length, busy: this.#machine!.busy },
      memory: { bytes: totalmem(), used: totalmem() - freemem() },
    };
  }

  /** A process of this machine; undefined where the system does not tell (it does on Linux), or it has ended. */
  async process(pid: number): Promise<ProcessUsage | undefined> {
    const [stat, status] = await Promise.all(
      ['stat', 'status'].map((name) => readFile(`/proc/${pid}/${name}`, 'latin1').catch(() => undefined)),
    );
    const resident = /^VmRSS:\s*(\d+) kB$/m.exec(status ?? '')?.[1];
    if (stat === undefined || resident === undefined) {
      this.#processes.delete(pid);
      return undefined;
    }
    // After the program's name, which may have spaces and brackets of its own: fields 14 and 15 of proc_pid_stat(5).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const time = Date.now();
    const reading = { time, busy: (Number(fields[11]) + Number(fields[12])) * millisecondsOfTick, all: time };
    const before = this.#processes.get(pid);
    if (!before || time - before.reading.time >= leastMilliseconds)
      this.#processes.set(pid, {
        reading,
        processors: before ? (reading.busy - before.reading.busy) / (time - before.reading.time) : null,
      });
    return { processors: this.#processes.get(pid)!.processors, residentBytes: Number(resident) * 1024 };
  }
}
