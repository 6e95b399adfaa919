import { expect, test } from 'vitest';
import { packagePretrainedDir, pretrainedNames } from './resolve.ts';
import { parseModelCard, readModelCard } from './model-card.ts';

test('a card says its title, what it draws and its license', () => {
  expect(
    parseModelCard(
      '# cats-32\r\n\r\nCats, **all** of\r\nthem.\r\n\r\n| | |\r\n|---|---|\r\n| seed | 0 |\r\n| license | [MIT](LICENSE) for `weights` |\r\n',
    ),
  ).toEqual({ title: 'cats-32', summary: 'Cats, all of them.', license: 'MIT for weights' });
});

test('the front matter of the Hugging Face Hub comes before the table', () => {
  expect(parseModelCard('---\nlicense: "apache-2.0"\ntags:\n- ddpm\n---\n# Name\n\n| license | MIT |\n')).toEqual({
    title: 'Name',
    license: 'apache-2.0',
  });
});

test('what a card does not say is absent', () => {
  expect(parseModelCard('')).toEqual({});
  expect(parseModelCard('# Name\n\n    code\n')).toEqual({ title: 'Name' });
  expect(parseModelCard('---\nlicense: mit\nnever closed\n')).toEqual({});
});

test('every model of the package has a card with a license', async () => {
  for (const name of await pretrainedNames()) {
    const card = await readModelCard(`${packagePretrainedDir()}/${name}`);
    expect(card).toMatchObject({ title: name, summary: expect.any(String), license: expect.any(String) });
  }
  expect(await readModelCard('test')).toEqual({});
});
