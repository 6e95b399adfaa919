import { expect, test } from 'vitest';
import { quickFit } from './fit-images.ts';
import { openDefaults, type OpenOptions } from './open-options.ts';

test('gray arrays get a black border to any height and width, if they are more than half as large', () => {
  const options: OpenOptions = { ...openDefaults, channels: 1, size: [3, 5], cacheDir: '' };
  const images = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), count: 1, height: 2, width: 3, channels: 1 } as const;
  expect([...quickFit(images, options)]).toEqual([0, 1, 2, 3, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0, 0]);
});
