/** Builds the studio that `kuosan studio` serves and writes: `vite build -c vite.studio.config.ts` in `npm run build`. */
import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { renderedMath } from './scripts/studio/rendered-math.ts';
import { presetModules } from './scripts/studio/presets.ts';
import { renderedNotes } from './scripts/studio/rendered-notes.ts';
import { emojiSheet } from './scripts/studio/emoji-sheet.ts';
import pageConfig, { workerFromSource } from './vite.config.ts';

export default defineConfig({
  ...pageConfig,
  root: fileURLToPath(new URL('src/studio', import.meta.url)),
  plugins: [
    workerFromSource,
    renderedMath(),
    renderedNotes(),
    presetModules(),
    emojiSheet(),
    svelte({
      configFile: false,
      // A canvas that shows an image is one, also to those who hear it.
      onwarn: (warning, show) => warning.code.startsWith('a11y_no_interactive') || show?.(warning),
    }),
  ],
  worker: { format: 'es', plugins: () => [workerFromSource] },
  build: {
    ...pageConfig.build,
    outDir: fileURLToPath(new URL('dist/web-studio', import.meta.url)),
    rolldownOptions: {
      // Modules of the library do no work when they are loaded: a page that asks nothing of one need not have it.
      treeshake: {
        moduleSideEffects: [
          { test: /@huggingface\/tokenizers/, sideEffects: false },
          { test: /\/src\/(?!studio|runtime)[\w/-]+\.ts$/, sideEffects: false },
        ],
      },
      output: {
        // Left to itself the bundler puts what few pages use next to small functions that all of them load.
        codeSplitting: {
          includeDependenciesRecursively: false,
          groups: [
            { name: 'tokenizer', test: /@huggingface\/tokenizers|\/src\/data\/texts\/tokenizer/ },
            { name: 'numbers', test: /\/src\/core\/(?:dtype|random)\.ts$/ },
          ],
        },
      },
    },
  },
});
