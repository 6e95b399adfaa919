import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { contest } from './contest.ts';
import { measureCases, type Settings } from './question.ts';

let printed: string[];
let said: string[];
beforeEach(() => {
  printed = [];
  said = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => void printed.push(line));
  vi.spyOn(process.stderr, 'write').mockImplementation((line) => said.push(String(line)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const settings = (...cases: string[]): Settings => ({ threads: 1, rounds: 1, variants: [], cases, whole: false });
const work = {
  nameOf: (batch: number) => `batch ${batch}`,
  measure: async (batch: number) => {
    printed.push(`measures ${batch}`);
    return 2 * batch;
  },
  lineOf: (row: number) => `row ${row}`,
};

test('a row is printed before the next case is measured', async () => {
  expect(await measureCases([1, 8, 16], work, settings())).toEqual([2, 16, 32]);
  expect(printed).toEqual(['measures 1', 'row 2', 'measures 8', 'row 16', 'measures 16', 'row 32']);
  expect(said.filter((line) => / left$/m.test(line))).toHaveLength(2);
  expect(said[0]).toBe('… 1 of 3: batch 1\n');
});

test('--case takes the cases with this in their name, and lists them where none has', async () => {
  expect(await measureCases([1, 8, 16], work, settings('batch 1'))).toEqual([2, 32]);
  expect(await measureCases([1, 8, 16], work, settings('8', '16'))).toEqual([16, 32]);
  printed = [];
  expect(await measureCases([1, 8], work, settings('64'))).toEqual([]);
  expect(printed).toEqual(['no such case here; there are: batch 1; batch 8']);
});

test('a contest tells how long it takes when each side has run', async () => {
  let seconds = 0;
  const blocks = await contest(
    { a: async (repeat) => Array.from({ length: repeat }, () => 1000), b: async () => [2000] },
    { rounds: 1, repeat: 2, onEstimate: (value) => (seconds = value) },
  );
  expect(blocks['a']).toHaveLength(1);
  // One round of two blocks: 0.4 s of rest each, two runs of 1 s and two of 2 s.
  expect(seconds).toBeCloseTo(6.8);
});
