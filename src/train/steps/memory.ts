import { totalmem } from 'node:os';
import { sizeOf } from '../../core/index.ts';
import type { ProgramPeak } from './trainer.ts';

/** The memory that a training run needs and the machine has, in bytes. */
export interface MemoryNeed {
  /** The estimate of what the process holds at its fullest. */
  readonly needed: number;
  /** The machine's memory, or what this process may have of it. */
  readonly total: number;
  /** What nobody has taken, and what this process has. */
  readonly available: number;
}

/**
 * What ONNX Runtime takes for the values of a run: its allocator hands out pieces of up to twice the size that was asked
 * for. Measured with the U-Net of docs/performance.md and smaller ones: 1.4 to 1.6 times, and some 60 MB by themselves.
 */
const allocatorShare = 1.5;
const engineBytes = 64e6;

/**
 * Estimates the memory of a run that has been opened and has not begun: what the process has by now, the second buffer
 * of all state that a step replaces, and what the programs hold while they compute. Each has memory of its own.
 *
 * @param programs  what the run computes, and the bytes that the executor says it takes
 * @returns undefined if it says none
 */
export function memoryNeed(programs: readonly ProgramPeak[]): MemoryNeed | undefined {
  if (programs.length === 0) return undefined;
  const replaced = new Map(programs.flatMap(({ program }) => Object.entries(program.writes)));
  const secondBuffers = [...replaced.values()].reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
  const computing = programs.reduce((sum, { peakBytes }) => sum + peakBytes, 0);
  const held = process.memoryUsage.rss();
  // 0 or more than there is: not limited.
  const limit = process.constrainedMemory() || Infinity;
  return {
    needed: held + secondBuffers + engineBytes + allocatorShare * computing,
    total: Math.min(totalmem(), limit),
    available: process.availableMemory() + held,
  };
}

/** `memory: about 1.1 GB of 24 GB`, and a hint if that is more than there is. */
export function describeMemory({ needed, total, available }: MemoryNeed): string {
  const gigabytes = (bytes: number) => `${(bytes / 1e9).toFixed(bytes < 9.95e9 ? 1 : 0)} GB`;
  const about = `memory: about ${gigabytes(needed)} of ${gigabytes(total)}`;
  if (needed <= available) return about;
  return `${about}, of which ${gigabytes(available)} are free: if the machine starts to swap, take a smaller --train.batchSize with more --train.gradientAccumulation, which is the same training, or --train.recompute`;
}
