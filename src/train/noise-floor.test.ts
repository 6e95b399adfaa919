import { expect, test } from 'vitest';
import { openDataset } from '../data/index.ts';
import { linearSchedule } from '../diffusion/index.ts';
import { floorOf, mostFloorValues } from './noise-floor.ts';

const schedule = linearSchedule();

test('the floor of a few pictures is zero where little noise is, rises, and falls where nothing is left to be told', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  const floor = (await floorOf(dataset, schedule, { flip: false })!()).map((loss) => loss!);
  expect(floor).toHaveLength(10);
  expect(floor[0]).toBeLessThan(1e-3);
  const highest = Math.max(...floor);
  expect(highest).toBeGreaterThan(1e-3);
  expect(floor.at(-1)).toBeLessThan(highest / 20);
});

test('of one picture it is zero, and of one and its mirror image it is not', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  // Half dark, half light.
  const one = { ...dataset, count: 1, images: Uint8Array.from({ length: 192 }, (_, i) => (i % 24 < 12 ? 0 : 255)) };
  const sum = async (flip: boolean) => (await floorOf(one, schedule, { flip })!()).reduce<number>((total, loss) => total + loss!, 0);
  expect(await sum(false)).toBeLessThan(1e-9);
  expect(await sum(true)).toBeGreaterThan(1e-3);
});

test('many pictures have none, because it would take long; and so has a process of few steps', async () => {
  const dataset = await openDataset('noto-emoji/smileys', { size: 8 });
  expect(floorOf({ ...dataset, count: Math.ceil(mostFloorValues / 192) + 1 }, schedule, { flip: false })).toBeUndefined();
  expect(floorOf(dataset, linearSchedule({ T: 30 }), { flip: false })).toBeUndefined();
});
