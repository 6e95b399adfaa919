import sharp from 'sharp';
import { expect, test } from 'vitest';
import { claimedSize } from './claimed-size.ts';

const [width, height] = [301, 77];
const image = (channels: 3 | 4) =>
  sharp({ create: { width, height, channels, background: { r: 200, g: 20, b: 90, alpha: 0.5 } } });

test.each([
  ['PNG', image(3).png()],
  ['GIF', image(3).gif()],
  ['JPEG', image(3).jpeg()],
  ['progressive JPEG', image(3).jpeg({ progressive: true })],
  // Its metadata stand before its extents.
  [
    'JPEG with a profile and EXIF',
    image(3)
      .withIccProfile('p3')
      .withExif({ IFD0: { Copyright: 'x'.repeat(5000) } })
      .jpeg(),
  ],
  ['lossy WebP', image(3).webp()],
  ['lossless WebP', image(3).webp({ lossless: true })],
  ['WebP with transparency', image(4).webp()],
])('the extents that a %s says it has', async (_, file) => {
  expect(claimedSize(await file.toBuffer())).toEqual({ width, height });
});

test('the extents of a JPEG that would take 1.6 GB', async () => {
  const file = await image(3).jpeg().toBuffer();
  const frame = file.indexOf(Buffer.from([0xff, 0xc0]));
  file.writeUInt16BE(20_000, frame + 5);
  file.writeUInt16BE(20_000, frame + 7);
  expect(claimedSize(file)).toEqual({ width: 20_000, height: 20_000 });
});

test('what is no image, or cut off, has no extents', async () => {
  expect(claimedSize(new TextEncoder().encode('a text that is no image at all'))).toBeUndefined();
  expect(claimedSize(new Uint8Array())).toBeUndefined();
  for (const file of [image(3).jpeg(), image(3).webp(), image(3).png()]) {
    const bytes = await file.toBuffer();
    for (let length = 0; length < 21; length += 1) expect(claimedSize(bytes.subarray(0, length))).toBeUndefined();
  }
});
