import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runHere } from '../../../test/run-here.ts';
import { readTokenizer } from '../../data/texts/tokenizer.ts';

const folder = mkdtempSync(join(tmpdir(), 'kuosan-tokenizer-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (...words: string[]) => runHere(['tokenizer', 'train', ...words]);

beforeAll(() => {
  writeFileSync(at('captions.txt'), 'a red cat\n\na red dog\r\nA red bird sings in the old tree\n');
  writeFileSync(at('empty.txt'), '\n \n');
  writeFileSync(at('latin1.txt'), Uint8Array.of(0x63, 0xe9, 0x0a));
  writeFileSync(at('captions.csv'), 'a,b');
  mkdirSync(at('images'));
  // Captions are read without looking at the images.
  for (const name of ['a.png', 'b.png', 'c.png']) writeFileSync(at(`images/${name}`), '');
  writeFileSync(
    at('images/metadata.jsonl'),
    '{"file_name":"a.png","text":"a red cat"}\n{"file_name":"b.png","text":"a red dog"}\n',
  );
  writeFileSync(at('images/c.txt'), 'a red bird');
  mkdirSync(at('bare'));
  writeFileSync(at('bare/a.png'), '');
  mkdirSync(at('broken'));
  writeFileSync(at('broken/a.png'), '');
  writeFileSync(at('broken/metadata.jsonl'), '{"file_name":"b.png","text":"gone"}\n');
});

describe('kuosan tokenizer train', () => {
  test('learns from a caption on each line, and says what came of it', async () => {
    const { status, stdout, stderr } = await run(
      '--captions',
      at('captions.txt'),
      '--vocab-size',
      '600',
      '--out',
      at('out/tokenizer.json'),
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    // Of the words, "a" is a byte; r e, re d</w> alone occur twice.
    expect(stdout).toBe(
      `3 captions, 10 distinct words\n516 tokens, not 600: no further pair occurs 2 times; start 514, end 515\ncaption length: median 7 tokens, at most 24\n${at('out/tokenizer.json')}: written\n`,
    );
    const tokenizer = readTokenizer(JSON.parse(readFileSync(at('out/tokenizer.json'), 'utf8')), 'written');
    expect(tokenizer.decode(tokenizer.encode('A red cat'))).toBe('a red cat');
  });

  test('learns from the captions of a folder of images', async () => {
    const { status, stdout } = await run('--captions', at('images'), '--out', at('folder.json'));
    expect(status).toBe(0);
    expect(stdout).toMatch(/^3 captions, 5 distinct words\n/);
  });

  test.each<[string, string[], number, string]>([
    [
      'captions that are not there',
      ['--captions', at('nowhere')],
      1,
      `captions ${JSON.stringify(at('nowhere'))}: it does not exist; give a folder of captioned images, or a .txt with a caption on each line`,
    ],
    [
      'a file that holds none',
      ['--captions', at('empty.txt')],
      1,
      `captions ${JSON.stringify(at('empty.txt'))}: holds no caption; it has a caption on each line`,
    ],
    [
      'a folder that holds none',
      ['--captions', at('bare')],
      1,
      `captions ${JSON.stringify(at('bare'))}: holds no caption; they come from metadata.jsonl or from a .txt next to each image`,
    ],
    [
      'another kind of file',
      ['--captions', at('captions.csv')],
      1,
      `captions ${JSON.stringify(at('captions.csv'))}: expected a folder, or a .txt with a caption on each line`,
    ],
    [
      'a text in another encoding',
      ['--captions', at('latin1.txt')],
      1,
      `captions ${JSON.stringify(at('latin1.txt'))}: is not text in UTF-8`,
    ],
    [
      'a caption of an image that is not there',
      ['--captions', at('broken')],
      1,
      `captions ${JSON.stringify(at('broken/metadata.jsonl:1'))}: there is no image "b.png"; mend or remove it`,
    ],
    [
      'a vocabulary without room for bytes',
      ['--captions', at('captions.txt'), '--vocab-size', '100'],
      2,
      '--vocab-size: expected an integer from 514 to 16777215, got "100"',
    ],
    [
      'an output of another kind',
      ['--captions', at('captions.txt'), '--out', at('tokens.txt')],
      1,
      `cannot write ${JSON.stringify(at('tokens.txt'))}: the name does not end in .json; give another path`,
    ],
    [
      'no captions',
      [],
      2,
      "required option '--captions <folder or .txt>' not specified; see kuosan tokenizer train --help",
    ],
  ])('refuses %s', async (_, words, status, message) => {
    const out = words.includes('--out') ? [] : ['--out', at('never.json')];
    expect(await run(...words, ...out)).toEqual({ status, stdout: '', stderr: `kuosan: ${message}\n` });
  });
});
