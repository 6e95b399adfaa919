import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { byteToUnit, enlargeBitmap, fromBitmaps, toBitmaps, toRgb, unitToByte } from './bitmap.ts';

describe('bytes and values in [−1, 1]', () => {
  it('every byte survives the way there and back, also through float32', () => {
    for (let byte = 0; byte < 256; byte++) expect(unitToByte(Math.fround(byteToUnit(byte)))).toBe(byte);
  });

  it('0 is −1, 255 is 1, and what lies outside is clipped', () => {
    expect(byteToUnit(0)).toBe(-1);
    expect(byteToUnit(255)).toBe(1);
    expect([-1.5, -1, 1, 7, Infinity, -Infinity, NaN].map(unitToByte)).toEqual([0, 0, 255, 255, 255, 0, 0]);
  });

  it('halves round up everywhere', () => {
    for (const byte of [0, 1, 126, 127, 128, 253]) expect(unitToByte((byte + 0.5) / 127.5 - 1 + 1e-12)).toBe(byte + 1);
    expect(unitToByte(0)).toBe(128);
  });
});

describe('toBitmaps and fromBitmaps', () => {
  it('are inverses for any image', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(1 as const, 3 as const),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 255 }),
        (channels, height, width, start) => {
          const data = Uint8Array.from({ length: height * width * channels }, (_, i) => (start + 37 * i) % 256);
          const image = { data, height, width, channels };
          expect(toBitmaps(fromBitmaps([image, image]))).toEqual([image, image]);
        },
      ),
    );
  });

  it('channels become planes', () => {
    const batch = fromBitmaps([{ data: Uint8Array.of(0, 255, 0, 255, 0, 255), height: 1, width: 2, channels: 3 }]);
    expect(batch.shape).toEqual([1, 3, 1, 2]);
    expect([...batch.data]).toEqual([-1, 1, 1, -1, -1, 1]);
  });

  it('name a shape that is not that of images', () => {
    expect(() => toBitmaps(float32([1, 2, 4, 4]))).toThrow(
      'toBitmaps: expected [B, C, H, W] with 1 or 3 channels, got [1, 2, 4, 4]',
    );
    expect(() => fromBitmaps([])).toThrow('fromBitmaps: no images');
  });
});

describe('toRgb', () => {
  it('repeats gray and puts transparency on white', () => {
    expect([...toRgb({ data: Uint8Array.of(7), height: 1, width: 1, channels: 1 }).data]).toEqual([7, 7, 7]);
    expect([
      ...toRgb({ data: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 255), height: 1, width: 2, channels: 4 }).data,
    ]).toEqual([255, 255, 255, 0, 0, 0]);
  });
});

describe('enlarge', () => {
  it('repeats every pixel', () => {
    const big = enlargeBitmap({ data: Uint8Array.of(1, 2, 3, 4), height: 2, width: 2, channels: 1 }, 2);
    expect([...big.data]).toEqual([1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4]);
  });

  it('refuses a scale that is no positive integer', () => {
    expect(() => enlargeBitmap({ data: Uint8Array.of(1), height: 1, width: 1, channels: 1 }, 1.5)).toThrow(
      'positive integer scale, got 1.5',
    );
  });
});
