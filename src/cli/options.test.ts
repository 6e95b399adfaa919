import { describe, expect, test } from 'vitest';
import { openDefaults } from '../data/index.ts';
import { Command } from 'commander';
import { register as registerData } from './data/data.ts';
import { sectionHeadsOf, systems } from '../systems/index.ts';
import {
  applyOverrides,
  choiceOption,
  integerOption,
  numberOption,
  parseOverrides,
  sizeOption,
  UsageError,
} from './options.ts';

describe('the value of an option', () => {
  test('is a whole number in its range, or names the option and the range', () => {
    expect(integerOption('--count', 1, 100)('100')).toBe(100);
    for (const text of ['0', '101', '1.5', '-1', '1e2', 'x', '', ' 1']) {
      expect(() => integerOption('--count', 1, 100)(text)).toThrow(
        new UsageError(`--count: expected an integer from 1 to 100, got ${JSON.stringify(text)}`),
      );
    }
    expect(() => integerOption('--seed', 0)('9007199254740993')).toThrow('--seed: expected an integer of 0 or more');
  });

  test('is a number in its interval', () => {
    expect(numberOption('--eta', 0, 1)('0.25')).toBe(0.25);
    for (const text of ['1.01', '-0.1', 'x', '', 'NaN'])
      expect(() => numberOption('--eta', 0, 1)(text)).toThrow(
        `--eta: expected a number from 0 to 1, got ${JSON.stringify(text)}`,
      );
  });

  test('is the size of an image: a side, or width and height', () => {
    const read = sizeOption('--size', 4096);
    expect([read('48'), read('64x48'), read('64×48'), read('48x48')]).toEqual([48, [48, 64], [48, 64], 48]);
    for (const text of ['0', '4097', '64x', 'x64', '64x48x3', '64x0', 'large', '', '1.5', '-8'])
      expect(() => read(text)).toThrow(
        new UsageError(`--size: expected pixels from 1 to 4096, as 64 or as 64x48, got ${JSON.stringify(text)}`),
      );
  });

  test('is one of a few names, or the nearest is suggested', () => {
    expect(choiceOption('schedule', ['linear', 'cosine'])('cosine')).toBe('cosine');
    expect(() => choiceOption('schedule', ['linear', 'cosine'])('liner')).toThrow(
      new UsageError('unknown schedule "liner"; did you mean linear?'),
    );
  });
});

describe('settings by their path', () => {
  test('are read as JSON where they are JSON, next to words that are no options', () => {
    const { overrides, others } = parseOverrides(
      [
        'noto-32',
        '--model.layersPerBlock',
        '2',
        '--train.clipNorm=null',
        '--data.source',
        'a b',
        '--train.betas',
        '[0.9,0.99]',
      ],
      [],
    );
    expect(others).toEqual(['noto-32']);
    expect(overrides).toEqual([
      [['model', 'layersPerBlock'], 2],
      [['train', 'clipNorm'], null],
      [['data', 'source'], 'a b'],
      [
        ['train', 'betas'],
        [0.9, 0.99],
      ],
    ]);
  });

  test('need a value, and other options are refused with the nearest', () => {
    expect(
      parseOverrides(
        ['--train.recompute', 'noto-32', '--data.horizontalFlip', 'false'],
        [],
        ['train.recompute', 'data.horizontalFlip'],
      ),
    ).toEqual({
      overrides: [
        [['train', 'recompute'], true],
        [['data', 'horizontalFlip'], false],
      ],
      others: ['noto-32'],
    });
    expect(() => parseOverrides(['--model.layersPerBlock'], [])).toThrow(
      new UsageError('--model.layersPerBlock: a value is missing'),
    );
    expect(() => parseOverrides(['--stpes', '5'], ['--steps', '--seed'])).toThrow(
      new UsageError('unknown option --stpes; did you mean --steps?'),
    );
    expect(() => parseOverrides(['-x'], ['--steps'])).toThrow(
      'unknown option -x; kuosan train --help lists the options',
    );
  });

  test('are set in a copy, and no path reaches a prototype', () => {
    const config = { train: { steps: 1, ema: 3 } };
    expect(
      applyOverrides(config, [
        [['train', 'steps'], 2],
        [['train', 'ema', 'decay'], 0.9],
        [['model', 'dropout'], 0],
      ]),
    ).toEqual({ train: { steps: 2, ema: { decay: 0.9 } }, model: { dropout: 0 } });
    expect(config).toEqual({ train: { steps: 1, ema: 3 } });
    const polluted = applyOverrides({}, [
      [['__proto__', 'steps'], 9],
      [['constructor', 'prototype', 'steps'], 9],
    ]);
    expect(Object.keys(polluted)).toEqual(['__proto__', 'constructor']);
    expect(({} as { steps?: number }).steps).toBeUndefined();
  });

  test('take the settings with them that belong to what they replace', () => {
    const heads = sectionHeadsOf(systems);
    expect(heads).toEqual(['scheduler.process', 'tokenizer.file']);
    const preset = { scheduler: { process: 'ddpm', betaEnd: 0.02 }, tokenizer: { vocabSize: 600 } };
    expect(
      applyOverrides(
        preset,
        [
          [['scheduler', 'process'], 'ddpm'],
          [['tokenizer', 'minFrequency'], 3],
        ],
        heads,
      ),
    ).toEqual({ ...preset, tokenizer: { vocabSize: 600, minFrequency: 3 } });
    expect(
      applyOverrides(
        preset,
        [
          [['scheduler', 'process'], 'flow'],
          [['tokenizer', 'file'], 'own.json'],
        ],
        heads,
      ),
    ).toEqual({ scheduler: { process: 'flow' }, tokenizer: { file: 'own.json' } });
  });
});

test('the size that kuosan data shows images at is the one they are trained at', () => {
  const program = new Command();
  registerData(program);
  expect(program.commands[0]!.options.find(({ long }) => long === '--size')!.defaultValue).toBe(openDefaults.size);
});
