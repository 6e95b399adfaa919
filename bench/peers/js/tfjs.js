/** TensorFlow.js: `node tfjs.js '{"backend": "wasm" | "cpu", "threads": 2}'`. It lays images out as [B, H, W, C]. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { numbers, serve } from './serve.js';

const { backend = 'wasm', threads = 2 } = JSON.parse(process.argv[2] ?? '{}');
setWasmPaths(
  `${join(dirname(fileURLToPath(import.meta.resolve('@tensorflow/tfjs-backend-wasm/package.json'))), 'dist')}/`,
);
setThreadsCount(threads);
await tf.setBackend(backend);
await tf.ready();

await serve(
  { library: `@tensorflow/tfjs ${tf.version['tfjs-core']}`, backend: tf.getBackend(), threads },
  (kernel, xShape, wShape) => {
    const run = operator(kernel, xShape, wShape);
    return async () => {
      const y = tf.tidy(run);
      await y.data();
      y.dispose();
    };
  },
);

function operator(kernel, xShape, wShape) {
  if (kernel === 'matmul') {
    const [a, b] = [tf.tensor(numbers(xShape), xShape), tf.tensor(numbers(wShape), wShape)];
    return () => tf.matMul(a, b);
  }
  const [batch, inChannels, height, width] = xShape;
  const [x, w] = [
    [batch, height, width, inChannels],
    [3, 3, inChannels, wShape[0]],
  ].map((shape) => tf.tensor(numbers(shape), shape));
  const dyShape = [batch, height, width, wShape[0]];
  const dy = tf.tensor(numbers(dyShape), dyShape);
  const conv = (a, b) => tf.conv2d(a, b, 1, 'same');
  if (kernel === 'conv') return () => conv(x, w);
  if (kernel === 'conv_dx') return () => tf.grad((a) => conv(a, w))(x, dy);
  if (kernel === 'conv_dw') return () => tf.grad((b) => conv(x, b))(w, dy);
  throw new Error(`unknown kernel ${kernel}`);
}
