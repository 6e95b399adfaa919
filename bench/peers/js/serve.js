/**
 * What both libraries share: operators behind lines of JSON, as in peers/operators.py.
 *
 * First answer: {"ready": true, ...}. Requests: {"kernel": k, "x": [...], "w": [...], "repeat": n} -> {"ms": [...]} (one alone where it takes more than five seconds) or {"error": "..."}.
 */
import { createInterface } from 'node:readline';

const answer = (record) => process.stdout.write(`${JSON.stringify(record)}\n`);
// Libraries greet and warn on the console, which is the protocol's.
for (const method of ['log', 'info', 'warn']) console[method] = (...words) => console.error(...words);

/**
 * @param about    what the first answer tells
 * @param prepare  (kernel, x shape, w shape) => a function that runs it once and waits for its result
 */
export async function serve(about, prepare) {
  answer({ ready: true, ...about });
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      const { kernel, x, w, repeat } = JSON.parse(line);
      const run = await prepare(kernel, x, w);
      const timed = async () => {
        const start = performance.now();
        await run();
        return performance.now() - start;
      };
      const first = await timed();
      // The first compiles and does not count, unless it takes so long that compiling is nothing next to it.
      const ms = first > 5000 ? [first] : [];
      while (ms.length === 0 || (ms.length < repeat && first <= 5000)) ms.push(await timed());
      answer({ ms });
    } catch (error) {
      answer({ error: String(error?.message ?? error).split('\n')[0] });
    }
  }
  process.exit(0);
}

/** Numbers between −1 and 1, the same every time. */
export function numbers(shape) {
  const values = new Float32Array(shape.reduce((product, extent) => product * extent, 1));
  for (let i = 0; i < values.length; i++) values[i] = Math.sin(i * 12.9898);
  return values;
}
