import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/**
 * What has the machine to itself: tests that measure the memory or the time of their own process, browsers, GPUs in software,
 * installations. They take several processors themselves.
 */
const alone = [
  'src/data/embeddings/embed-images.test.ts',
  'src/data/sets/arrays.test.ts',
  'src/page/page.test.ts',
  'src/runtime/node.test.ts',
  'src/runtime/open-node-executor.test.ts',
  'src/studio/studio.test.ts',
  'test/fuzz.test.ts',
  'test/group-norm.test.ts',
  'test/install.test.ts',
  'test/memory.test.ts',
  'test/random-in-graphs.test.ts',
  'test/server.test.ts',
  'test/text-encoder-page.test.ts',
  'test/training-memory.test.ts',
  'test/web-executor.test.ts',
  'test/webgpu-ops.test.ts',
  'test/webgpu-training.test.ts',
];

export default defineConfig({
  test: {
    // Compiling a network takes a second; on a busy machine with two cores, several.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A file of tests runs on each processor, so the engine takes one thread.
    env: { KUOSAN_THREADS: '1' },
    projects: [
      {
        extends: true,
        test: {
          name: 'together',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'soak/**/*.test.ts'],
          exclude: alone,
          // vitest leaves one processor free, which is half of two.
          maxWorkers: availableParallelism(),
          // No module does work or holds state when it is loaded (ARCHITECTURE, invariant 5), so files share them: loading the
          // sources again for each file took as long as many files.
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'alone', include: alone, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
