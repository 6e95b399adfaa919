import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { folderFiles, readTextEncoder, writeTextEncoderFolder } from '../checkpoint/index.ts';
import { halfToFloats } from '../formats/half.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { openTextEncoder } from './text-encoder.ts';

/** Where all-MiniLM-L6-v2 lies, which is too large to be part of the repository. */
const folder = process.env['KUOSAN_MINILM'];
// test/golden/minilm.py
const golden = (name: string) => readFileSync(new URL(`../../test/golden/${name}`, import.meta.url));
const executor = createNodeExecutor({ threads: 1 });
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
    await encoder.dispose();
  });

  test('has less than 23 MB of weights in int8, and a cosine above 0.999 to the original on each text', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kuosan-minilm-'));
    await writeTextEncoderFolder(join(dir, 'int8'), await readTextEncoder(folderFiles(folder!)), { dtype: 'int8' });
    expect(statSync(join(dir, 'int8', 'model.int8.safetensors')).size).toBeLessThan(23e6);
    const encoder = await openTextEncoder(executor, await readTextEncoder(folderFiles(join(dir, 'int8'))), {
      maxLength: 16,
    });
    const { pooled } = await encoder.encode(texts);
    const vectors = halfToFloats(expected.get('pooled')!.data as Uint16Array);
    for (const [row, text] of texts.entries()) {
      const [a, b] = [pooled.data, vectors].map((data) => data.subarray(row * 384, (row + 1) * 384));
      const length = Math.hypot(...a!) * Math.hypot(...b!);
      expect(a!.reduce((sum, value, i) => sum + value * b![i]!, 0) / length, text).toBeGreaterThan(0.999);
    }
    await encoder.dispose();
    rmSync(dir, { recursive: true });
  });
});
