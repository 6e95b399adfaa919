import { describe, expect, it } from 'vitest';
import { inParallel } from './in-parallel.ts';

describe('inParallel', () => {
  it('gives results by index and never has more at work than allowed', async () => {
    let atWork = 0;
    let most = 0;
    const results = await inParallel(20, 3, async (index) => {
      most = Math.max(most, ++atWork);
      for (let turn = 0; turn < (index * 7) % 5; turn++) await Promise.resolve();
      atWork--;
      return index * index;
    });
    expect(results).toEqual(Array.from({ length: 20 }, (_, i) => i * i));
    expect(most).toBe(3);
  });

  it('throws the failure of the lowest index, also when a later one fails first', async () => {
    const run = inParallel(10, 4, async (index) => {
      for (let turn = 0; turn < 10 - index; turn++) await Promise.resolve();
      if (index === 1 || index === 3) throw new Error(`task ${index}`);
    });
    await expect(run).rejects.toThrow('task 1');
  });

  it('starts nothing more after a failure', async () => {
    let started = 0;
    await expect(
      inParallel(1000, 2, async () => {
        started++;
        throw new Error('stop');
      }),
    ).rejects.toThrow('stop');
    expect(started).toBe(2);
  });
});
