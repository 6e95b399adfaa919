import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts', 'soak/**/*.test.ts'],
    // Compiling a network takes a second; on a busy machine with two cores, several.
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
