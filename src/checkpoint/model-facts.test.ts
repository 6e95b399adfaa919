import { describe, expect, test } from 'vitest';
import { classLabelsName } from '../diffusion/index.ts';
import { filesInMemory } from './model-files.ts';
import { factsText, type ModelFacts, readFacts } from './model-facts.ts';

const place = (files: Readonly<Record<string, string>>) =>
  filesInMemory(new Map(Object.entries(files).map(([name, text]) => [name, new TextEncoder().encode(text)])), 'folder');
/** A network of so many classes and images of so many pixels. */
const fitOf = (count: number | null, sampleSize: number | readonly number[]) => ({
  config: { sampleSize },
  conditions: count === null ? [] : [{ name: classLabelsName, dtype: 'i64' as const, shape: [], count }],
});
const fit = fitOf(2, 8);

describe('what a folder says of its model', () => {
  const facts: ModelFacts = {
    classes: { names: ['boot', 'bag', 'coat'], nullClass: 3 },
    superResolution: { factor: 2, upsampling: 'bicubic', noiseAugmentation: 0.1 },
    sampling: {
      sample: { sampler: 'dpmpp-2m-sde', steps: 25, guidanceScale: 2, dynamicThresholding: { ratio: 0.99 } },
      'super-resolution 1': { sampler: 'ddim' },
    },
    settings: { someSystem: { its_own: 1 } },
  };

  test('reads back as it was written, under names in snake_case', async () => {
    const text = factsText(facts)!;
    expect(await readFacts(place({ 'kuosan.json': text }), fitOf(4, 8))).toEqual(facts);
    expect(JSON.parse(text)).toMatchObject({
      format: 1,
      classes: { names: ['boot', 'bag', 'coat'], null_label: 3 },
      super_resolution: { factor: 2, upsampling: 'bicubic', noise_augmentation: 0.1 },
      sampling: { sample: { sampler: 'dpmpp-2m-sde', guidance_scale: 2 } },
      settings: { someSystem: { its_own: 1 } },
    });
    // A number that may be a fraction is a float for Python, also where it is whole.
    expect(text).toContain('"guidance_scale": 2.0');
    expect(text).toContain('"steps": 25,');
    expect(text).toContain('"its_own": 1\n');
  });

  test('is nothing where there is nothing to say', async () => {
    expect(factsText({})).toBeUndefined();
    expect(factsText({ classes: null, superResolution: null })).toBeUndefined();
    expect(await readFacts(place({}), fit)).toEqual({ classes: null, superResolution: null });
  });

  test('is read of folders that earlier versions wrote', async () => {
    const old = place({
      'class_labels.json': '{"id2label": {"0": "boot", "1": "bag"}, "null_class": 2}',
      'super_resolution.json': '{"factor": 2, "upsampling": "bilinear", "noise_augmentation": 0}',
    });
    expect(await readFacts(old, fitOf(3, [8, 8]))).toEqual({
      classes: { names: ['boot', 'bag'], nullClass: 2 },
      superResolution: { factor: 2, upsampling: 'bilinear', noiseAugmentation: 0 },
    });
    expect((await readFacts(old, fitOf(null, 8))).classes).toBeNull();
  });

  test.each([
    [
      'class_labels.json',
      '{"id2label": {"0": "a", "2": "b"}, "null_class": null}',
      'id2label has 2 entries, but none for class 1',
    ],
    [
      'class_labels.json',
      '{"id2label": {"0": "a", "1": "b", "2": "c"}, "null_class": null}',
      'names class 2, and the network has 2 classes (0 to 1)',
    ],
    [
      'class_labels.json',
      '{"id2label": {"0": "a"}, "null_class": 2}',
      'names class 2, and the network has 2 classes (0 to 1)',
    ],
    ['class_labels.json', '{"id2label": {"x": "a"}, "null_class": null}', 'id2label'],
    ['class_labels.json', '{"id2label": {}', 'is not valid JSON'],
    [
      'super_resolution.json',
      '{"factor": 3, "upsampling": "bilinear", "noise_augmentation": 0}',
      "factor 3 does not divide the model's sample_size 8",
    ],
    [
      'kuosan.json',
      '{"format": 2}',
      'checkpoint folder/kuosan.json.format: this version reads format 1; take the version that wrote the model, or a newer one, got 2',
    ],
    ['kuosan.json', '{"format": 1, "clases": {}}', 'unknown key "clases"; did you mean classes?'],
    [
      'kuosan.json',
      '{"format": 1, "classes": {"names": ["a", "b", "c"], "null_label": null}}',
      'names class 2, and the network has 2 classes (0 to 1)',
    ],
    [
      'kuosan.json',
      '{"format": 1, "sampling": {"sample": {"sampler": "eulr"}}}',
      'kuosan.json.sampling.sample.sampler: ',
    ],
    [
      'kuosan.json',
      '{"format": 1, "super_resolution": {"factor": 3, "upsampling": "bilinear", "noise_augmentation": 0}}',
      'factor 3 does not divide',
    ],
  ])('%s of %s is refused', async (file, text, message) => {
    await expect(readFacts(place({ [file]: text }), fit)).rejects.toThrow(message);
  });
});
