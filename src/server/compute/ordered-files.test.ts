import { expect, test } from 'vitest';
import { OrderedFiles } from './ordered-files.ts';

/** A file whose encoder is done when the test says so. */
function encoder() {
  let finish: (bytes: Uint8Array) => void = () => {};
  let fail: (error: Error) => void = () => {};
  const file = new Promise<Uint8Array>((resolve, reject) => {
    finish = resolve;
    fail = reject;
  });
  return { file, finish: () => finish(new Uint8Array()), fail };
}

test('an image waits for its previews, and for those of no other image', async () => {
  const files = new OrderedFiles();
  const sent: string[] = [];
  const [preview, image, other] = [encoder(), encoder(), encoder()];
  files.add(0, preview.file, () => sent.push('preview of 0'));
  files.add(0, image.file, () => sent.push('image 0'));
  files.add(1, other.file, () => sent.push('image 1'));
  const done = files.done();
  image.finish();
  other.finish();
  await new Promise(setImmediate);
  expect(sent).toEqual(['image 1']);
  preview.finish();
  await done;
  expect(sent).toEqual(['image 1', 'preview of 0', 'image 0']);
});

test('an encoder that fails is reported at the end, and nothing is sent behind it', async () => {
  const files = new OrderedFiles();
  const sent: string[] = [];
  const [preview, image] = [encoder(), encoder()];
  files.add(0, preview.file, () => sent.push('preview'));
  preview.fail(new Error('cannot encode'));
  // A rejection that nobody handles would end the process here, as it would end the worker between two steps.
  await new Promise(setImmediate);
  files.add(0, image.file, () => sent.push('image'));
  image.finish();
  await expect(files.done()).rejects.toThrow('cannot encode');
  expect(sent).toEqual([]);
});
