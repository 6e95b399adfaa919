import * as ort from 'onnxruntime-node';
import { probeBlockSize } from './cpu-kernels.ts';
import type { Engine } from './engine.ts';

/** What a Node engine is opened with; plain data, because it travels to a worker. */
export interface NodeEngineOptions {
  readonly threads: number;
}

/** ONNX Runtime's CPU provider in Node. */
export function nodeEngine({ threads }: NodeEngineOptions): Engine {
  return {
    ort,
    // A memory pattern is one block for a whole run, planned from the first: it never fits what the arena has by then, so both stay.
    session: { executionProviders: ['cpu'], intraOpNumThreads: threads, enableMemPattern: false, logSeverityLevel: 4 },
    state: 'host',
    writesInPlace: true,
    facts: async () => ({ engine: `onnxruntime-node ${ort.env.versions.node}`, provider: 'cpu', threads }),
    blockSize: probeBlockSize,
  };
}
