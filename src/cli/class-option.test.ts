import { expect, test } from 'vitest';
import { classOption } from './class-option.ts';
import { UsageError } from './options.ts';

test('the class of that name comes before the class of that number', () => {
  const years = ['1', '10', '2', '3'];
  expect(years.map((name) => classOption(name, 4, years))).toEqual([0, 1, 2, 3]);
  expect([0, 1, 2, 3].map((place) => classOption(`#${place}`, 4, years))).toEqual([0, 1, 2, 3]);
  // The number 0 would be the class 1, and nothing would say so.
  expect(() => classOption('0', 4, years)).toThrow(
    new UsageError('unknown class "0"; #0 is the class by its number, names are 1, 10, 2, 3'),
  );
});

test('a number is one where no class is called by a number', () => {
  expect(classOption('2', 3, ['cat', 'dog'])).toBe(2);
  expect(classOption('dog', 3, ['cat', 'dog'])).toBe(1);
  expect(classOption('7', 10)).toBe(7);
  expect(() => classOption('10', 10)).toThrow(new UsageError('--class: this model has classes 0 to 9, got 10'));
  expect(() => classOption('#3', 3, ['cat', 'dog'])).toThrow(
    new UsageError('--class: this model has classes 0 to 2, got #3'),
  );
});

test('a name is found in other code points, and missed with the nearest one', () => {
  expect(classOption('caf\u00e9', 2, ['bar', 'cafe\u0301'])).toBe(1);
  expect(() => classOption('dgo', 3, ['cat', 'dog'])).toThrow(new UsageError('unknown class "dgo"; did you mean dog?'));
  expect(() => classOption('-1', 10)).toThrow(new UsageError('--class: expected a number from 0 to 9, got "-1"'));
  expect(() => classOption('cat', 10)).toThrow(new UsageError('--class: expected a number from 0 to 9, got "cat"'));
});
