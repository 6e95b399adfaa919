import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readClassLabels, writeClassLabels } from './class-labels.ts';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kuosan-labels-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('class labels', () => {
  test('read back as they were written, as id2label', async () => {
    const labels = { names: ['boot', 'bag', 'coat'], nullClass: 3 };
    await writeClassLabels(dir, labels);
    expect(await readClassLabels(dir, 4)).toEqual(labels);
    expect(JSON.parse(await readFile(join(dir, 'class_labels.json'), 'utf8'))).toEqual({
      id2label: { 0: 'boot', 1: 'bag', 2: 'coat' },
      null_class: 3,
    });
  });

  test('a folder without them has none', async () => {
    expect(await readClassLabels(join(dir, 'elsewhere'), 4)).toBeNull();
  });

  test.each([
    ['{"id2label": {"0": "a", "2": "b"}, "null_class": null}', 'id2label has 2 entries, but none for class 1'],
    [
      '{"id2label": {"0": "a", "1": "b", "2": "c"}, "null_class": null}',
      'names class 2, and the network has 2 classes (0 to 1)',
    ],
    ['{"id2label": {"0": "a"}, "null_class": 2}', 'names class 2, and the network has 2 classes (0 to 1)'],
    ['{"id2label": {"x": "a"}, "null_class": null}', 'id2label'],
    ['{"id2label": {}', 'is not valid JSON'],
  ])('%s is refused', async (text, message) => {
    await writeFile(join(dir, 'class_labels.json'), text);
    await expect(readClassLabels(dir, 2)).rejects.toThrow(message);
  });
});
