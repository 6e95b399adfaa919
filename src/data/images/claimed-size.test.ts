import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { claimProblem } from './claimed-size.ts';
import { decodeImage } from './image.ts';

const flat = (width: number, height: number) =>
  sharp({ create: { width, height, channels: 3, background: 'red' } }).png({ compressionLevel: 9 });

describe('the size that an image claims', () => {
  test.each([
    ['png', () => flat(4000, 3000).toBuffer()],
    ['png with a palette', () => flat(4000, 3000).png({ palette: true, compressionLevel: 9 }).toBuffer()],
    ['gif', () => flat(4000, 3000).gif().toBuffer()],
    ['jpeg', () => flat(400, 300).jpeg().toBuffer()],
    ['webp', () => flat(4000, 3000).webp({ lossless: true }).toBuffer()],
  ])('is believed of an image of one color, which compresses best: %s', async (_, make) => {
    expect(claimProblem(await make())).toBeUndefined();
  });

  test('is refused where a PNG is too wide, before it is decoded', async () => {
    const bytes = await flat(24, 16).toBuffer();
    bytes.writeUInt32BE(8_388_632, 16);
    await expect(decodeImage(bytes, { size: 8 })).rejects.toThrow(
      'image: 8388632 × 16 pixels, more than 262,144 on a side',
    );
  });

  test('is refused where a PNG has too few bytes for it', async () => {
    const bytes = await flat(24, 16).toBuffer();
    bytes.writeUInt32BE(10_000, 16);
    bytes.writeUInt32BE(10_000, 20);
    await expect(decodeImage(bytes, { size: 8 })).rejects.toThrow(
      'image: truncated or damaged (it claims more pixels than so few bytes can hold)',
    );
  });

  // 62 bytes were decoded to 127 million pixels: found by the soak of damaged files.
  test.each([
    '474946383961180010008000004c697100000021f90405000000002c002c002c000000001800003b000211848fa9cbed0fa39cb4da8bb3debcfbaf14003b',
    '474946383961180010008000004c697100000021f90405000000002c000000001820202000000000800000000fa39cb4da8bb3debcfbaf14003b',
  ])('is refused where a GIF has too few bytes for it: %s', async (hex) => {
    for (const resample of [undefined, 'bicubic'] as const)
      await expect(decodeImage(Buffer.from(hex, 'hex'), { size: 8, resample })).rejects.toThrow(
        'image: truncated or damaged (it claims more pixels than so few bytes can hold)',
      );
  });

  test('of what is no image is nothing', () => {
    for (const bytes of [new Uint8Array(0), Buffer.from('GIF89a'), Buffer.from('\x89PNG', 'latin1'), Buffer.alloc(40)])
      expect(claimProblem(bytes)).toBeUndefined();
  });
});
