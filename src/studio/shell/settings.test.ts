import { expect, test } from 'vitest';
import { numbersSetting, readSettings, writeSettings } from './settings.ts';

const settings = { emoji: numbersSetting([1, 2], 0, 9, 3) };
const read = (query: string) => readSettings(settings, new URLSearchParams(query)).emoji;

test('several numbers stand in an address in the order of the visitor', () => {
  expect(read('emoji=7.0.3')).toEqual([7, 0, 3]);
  expect(writeSettings(settings, { emoji: [7, 0, 3] }).toString()).toBe('emoji=7.0.3');
});

test('none is an answer, too', () => {
  expect(read('emoji=')).toEqual([]);
  expect(writeSettings(settings, { emoji: [] }).toString()).toBe('emoji=');
});

test('what is no number of the range, or too many, is not taken', () => {
  expect(read('emoji=7.x')).toEqual([1, 2]);
  expect(read('emoji=7.12')).toEqual([1, 2]);
  expect(read('emoji=7.7.1.2.3')).toEqual([7, 1, 2]);
});
