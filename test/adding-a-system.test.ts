/** docs/adding-a-system.md shows the code of the toy system, and no other. */
import { describe, expect, test } from 'vitest';
import { textOf } from './source-files.ts';

const page = textOf('docs/adding-a-system.md');
const code = textOf('test/toy-system.test.ts');

describe('the page on adding a system', () => {
  test.each([...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, block]) => [block!.split('\n')[0]!.trim(), block!]))(
    'shows the toy system as it is: %s',
    (_, block) => {
      expect(code).toContain(block);
    },
  );

  test('fits on a page', () => {
    expect(page.split('\n').length).toBeLessThan(130);
  });
});
