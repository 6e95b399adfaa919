import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { kuosan } from './kuosan.ts';
import { root } from './source-files.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-text-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));
// test/golden/text-encoder-folders.py
cpSync(join(root, 'test/golden/text-encoder-folders/sentence-bert'), join(cwd, 'bert'), { recursive: true });
const run = (...args: string[]) => kuosan(['export', 'bert', ...args], { cwd });

describe('kuosan export --text-encoder', () => {
  test('writes a folder in int8 and says what was lost', async () => {
    const { status, stdout, stderr } = await run('--text-encoder', 'out/int8');
    expect(status, stderr).toBe(0);
    expect(stdout).toMatch(
      /^out\/int8: BertModel, [\d,]+ parameters in int8, 0\.0 MB; on 24 captions the cosine to the original is at least (0\.999\d|1\.0000)\n$/,
    );
    expect(readdirSync(join(cwd, 'out/int8')).sort()).toEqual([
      '1_Pooling',
      'config.json',
      'model.int8.safetensors',
      'modules.json',
      'sentence_bert_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  }, 120_000);

  test('reads its own folder, and replaces an encoder only when told to', async () => {
    const again = await kuosan(['export', 'out/int8', '--text-encoder', 'again', '--dtype', 'float16'], { cwd });
    expect(again.stdout).toContain('parameters in float16');
    const refused = await run('--text-encoder', 'again');
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain('again: holds a text encoder already; replace it with --force');
    expect(await run('--text-encoder', 'again', '--force')).toMatchObject({ status: 0 });
    expect(readdirSync(join(cwd, 'again'))).toContain('model.int8.safetensors');
    expect(readdirSync(join(cwd, 'again'))).not.toContain('model.safetensors');
  }, 120_000);

  test.each<[string, readonly string[], number, string]>([
    ['two things at once', ['--text-encoder', 'a', '--web', 'b'], 2, '--text-encoder: writes an encoder alone'],
    ['int8 for a model', ['--out', 'a.onnx', '--dtype', 'int8'], 2, '--dtype int8: only a text encoder is stored so'],
    ['a folder with other files', ['--text-encoder', '.'], 1, 'holds other files ('],
  ])('refuses %s', async (_, args, status, message) => {
    const ended = await run(...args);
    expect(ended.status).toBe(status);
    expect(ended.stderr).toContain(message);
  });

  test('names a folder that holds no text encoder', async () => {
    writeFileSync(join(cwd, 'note.txt'), '');
    const ended = await kuosan(['export', 'nowhere', '--text-encoder', 'b'], { cwd });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toContain('checkpoint nowhere: there is no config.json, so this is no text encoder');
  });
});
