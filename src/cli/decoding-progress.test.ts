import { afterEach, expect, test, vi } from 'vitest';
import { decodingProgress } from './decoding-progress.ts';

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** What is said while so many images are decoded, one in so many milliseconds. */
function said(count: number, milliseconds: number): string[] {
  vi.useFakeTimers({ toFake: ['performance'] });
  let text = '';
  vi.spyOn(process.stderr, 'write').mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  const { onProgress, stop } = decodingProgress();
  for (let done = 1; done <= count; done++) {
    vi.advanceTimersByTime(milliseconds);
    onProgress(done, count);
  }
  stop();
  return text.split('\n').filter((line) => line !== '');
}

test('decoding that takes a moment says nothing', () => {
  expect(said(900, 1)).toEqual([]);
});

test('decoding that takes long says how far it is and how long it takes, and that it is done', () => {
  const lines = said(60_000, 1);
  expect(lines[0]).toMatch(/^decoding \d+\/60000 · images · \d+ s left$/);
  expect(lines.length).toBeGreaterThanOrEqual(5);
  expect(lines.at(-1)).toBe('decoding 60000/60000 · images · 0 s left');
});
