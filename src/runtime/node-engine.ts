import { join } from 'node:path';
import * as ort from 'onnxruntime-node';
import { probeBlockSize } from './cpu-kernels.ts';
import type { Engine } from './engine.ts';

/** What a Node engine is opened with; plain data, because it travels to a worker. */
export interface NodeEngineOptions {
  readonly threads: number;
  /** Where sessions leave their profiles; see `NodeExecutorOptions`. */
  readonly profileDir?: string;
}

/** ONNX Runtime's CPU provider in Node. */
export function nodeEngine({ threads, profileDir }: NodeEngineOptions): Engine {
  return {
    ort,
    session: {
      executionProviders: ['cpu'], intraOpNumThreads: threads, logSeverityLevel: 4,
      // A memory pattern is one block for a whole run, planned from the first: it never fits what the arena has by then, so both stay.
      enableMemPattern: false,
      // ONNX Runtime appends the time, to a millisecond, and .json.
      ...(profileDir !== undefined && { enableProfiling: true, profileFilePrefix: join(profileDir, 'program') }),
    },
    state: 'host',
    writesInPlace: true,
    facts: async () => ({ engine: `onnxruntime-node ${ort.env.versions.node}`, provider: 'cpu', threads }),
    blockSize: probeBlockSize,
  };
}
