import { existsSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { filesBelow, root, textOf } from './source-files.ts';

const pages = filesBelow('', '.md');

/** Without code, in which brackets and headings mean other things. */
function prose(text: string): string {
  return text.replace(/^( *)```[\s\S]*?^\1```$/gm, '').replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()#]/g, '·'));
}

/** The anchor that GitHub gives a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replace(/\s/g, '-');
}

function anchors(path: string): Set<string> {
  const text = textOf(path).replace(/^( *)```[\s\S]*?^\1```$/gm, '');
  return new Set([...text.matchAll(/^#{1,6} +(.+)$/gm)].map(([, heading]) => anchorOf(heading!)));
}

describe('links', () => {
  const links = pages
    .flatMap((path) =>
      [...prose(textOf(path)).matchAll(/\]\(([^)\s]+)(?:\s+"[^"]*")?\)|<img[^>]*\bsrc="([^"]+)"/g)].map(
        ([, target, image]) => ({ path, target: (target ?? image)! }),
      ),
    )
    .filter(({ target }) => !/^(?:https?|mailto):/.test(target));

  test.each(links)('$path → $target', ({ path, target }) => {
    const [file, anchor] = target.split('#') as [string, string?];
    const at = file === '' ? path : normalize(join(dirname(path), decodeURI(file)));
    expect(existsSync(join(root, at)), `${at} is not there`).toBe(true);
    if (anchor !== undefined && statSync(join(root, at)).isFile()) expect(anchors(at)).toContain(anchor);
  });
});

describe('what is written', () => {
  const files = ['', '.ts', '.md', '.json', '.jsonc', '.py', '.mjs']
    .flatMap((ending) => (ending === '' ? ['NOTICE', 'LICENSE', '.ci/run'] : filesBelow('', ending)))
    // These two name what they look for.
    .filter((path) => path !== 'test/docs.test.ts' && path !== 'test/package.test.ts');

  test("names no place on somebody's machine", () => {
    const machine = /(?:^|[\s"'`(=])(?:\/(?:work|root|home|Users|mnt|opt|var\/folders)\/|[A-Z]:\\)\w/m;
    expect(files.filter((path) => machine.test(textOf(path)))).toEqual([]);
  });

  test('names no host that packages are taken from, and no private address', () => {
    // The page of the server names the address that it has when nobody says another: everybody's own machine.
    const host =
      /https?:\/\/(?:registry\.|[\w.-]*(?:artifactory|nexus|verdaccio|mirror|proxy)|localhost(?!:8000\/v1)|127\.|10\.|192\.168\.|[\w-]+\.(?:internal|local|lan)\b)/;
    expect(files.filter((path) => host.test(textOf(path)))).toEqual([]);
  });
});

describe('the decisions', () => {
  test('are all listed', () => {
    const list = textOf('docs/decisions/README.md');
    expect(
      filesBelow('docs/decisions', '.md').filter(
        (path) => !path.endsWith('README.md') && !list.includes(`(${path.split('/').at(-1)!})`),
      ),
    ).toEqual([]);
  });
});
