/** Builds the page that `kuosan export --web` copies: `vite build` in `npm run build`. */
import { fileURLToPath } from 'node:url';
import { defineConfig, type Plugin } from 'vite';

/** The compiler leaves the address of a worker as it is, so the sources name the file that is built. */
export const workerFromSource: Plugin = {
  name: 'worker-from-source',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('/src/runtime/web/index.ts') ? code.replace('./web-worker-main.js', './web-worker-main.ts') : undefined,
};

export default defineConfig({
  root: fileURLToPath(new URL('src/page', import.meta.url)),
  // A page for any host, under any path.
  base: './',
  publicDir: false,
  // ONNX Runtime's own files lie next to the page, copied from its package; they are not part of the bundle.
  resolve: { conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser', 'production'] },
  plugins: [workerFromSource],
  worker: { format: 'es' },
  build: {
    outDir: fileURLToPath(new URL('dist/web-page', import.meta.url)),
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    // Small files too are files: the page's policy allows no data in their place.
    assetsInlineLimit: 0,
  },
});
