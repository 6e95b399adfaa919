import { readFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { folderFiles, readTextEncoder } from '../checkpoint/index.ts';
import { halfToFloats } from '../formats/half.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { openTextEncoder } from './text-encoder.ts';

/** Where all-MiniLM-L6-v2 lies, which is too large to be part of the repository. */
const folder = process.env['KUOSAN_MINILM'];
// test/golden/minilm.py
const golden = (name: string) => readFileSync(new URL(`../../test/golden/${name}`, import.meta.url));
const executor = createNodeExecutor();
afterAll(() => executor.dispose());

describe.skipIf(folder === undefined)('all-MiniLM-L6-v2 (where KUOSAN_MINILM names it)', () => {
  const texts = JSON.parse(golden('minilm.json').toString()) as string[];
  const expected = readSafetensors(golden('minilm.safetensors')).tensors;

  test("gives transformers' hidden states and sentence-transformers' vectors of a hundred texts within 1e-4", async () => {
    const encoder = await openTextEncoder(executor, await readTextEncoder(folderFiles(folder!)), { maxLength: 16 });
    const { hidden, pooled } = await encoder.encode(texts);
    const some = expected.get('hidden')!.data as Float32Array;
    const worst = some.reduce((most, value, i) => Math.max(most, Math.abs(value - hidden.data[48 * i]!)), 0);
    expect(worst).toBeLessThan(1e-4);
    const vectors = halfToFloats(expected.get('pooled')!.data as Uint16Array);
    // Half of float16's last place below 0.5, and 1e-4 less than that is ours.
    expect(vectors.reduce((most, value, i) => Math.max(most, Math.abs(value - pooled.data[i]!)), 0)).toBeLessThan(
      1.25e-4,
    );
    expect(await encoder.encode(['folder'])).toMatchObject({ mask: { shape: [1, 16] } });
    await encoder.dispose();
  });
});
