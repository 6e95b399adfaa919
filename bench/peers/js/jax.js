/** jax-js on its WebAssembly backend; it has no threads. Operations use up their arguments, `.ref` keeps them. */
import { readFileSync } from 'node:fs';
import { blockUntilReady, defaultDevice, grad, init, jit, lax, numpy as np } from '@jax-js/jax';
import { numbers, serve } from './serve.js';

await init('wasm');
defaultDevice('wasm');
const { version } = JSON.parse(readFileSync(new URL('node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'));
const array = (shape) => np.array(numbers(shape)).reshape(shape);
const conv = (x, w) =>
  lax.convGeneralDilated(
    x,
    w,
    [1, 1],
    [
      [1, 1],
      [1, 1],
    ],
  );

await serve({ library: `@jax-js/jax ${version}`, backend: defaultDevice(), threads: 1 }, (kernel, xShape, wShape) => {
  const run = operator(kernel, xShape, wShape);
  return async () => (await blockUntilReady(run())).dispose();
});

function operator(kernel, xShape, wShape) {
  const [x, w] = [array(xShape), array(wShape)];
  if (kernel === 'matmul') {
    const matmul = jit((a, b) => np.matmul(a, b));
    return () => matmul(x.ref, w.ref);
  }
  if (kernel === 'conv') {
    const forward = jit(conv);
    return () => forward(x.ref, w.ref);
  }
  const dy = array([xShape[0], wShape[0], ...xShape.slice(2)]);
  const weighted = (a, b, g) => conv(a, b).mul(g).sum();
  const gradient = jit(kernel === 'conv_dx' ? grad(weighted) : (a, b, g) => grad((v) => weighted(a, v, g))(b));
  return () => gradient(x.ref, w.ref, dy.ref);
}
