import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stableAsidePath } from '../../files/aside-path.ts';
import { openDataset } from '../sets/open-dataset.ts';
import { buildEmoji, type EmojiOptions } from './build-emoji.ts';

const root = mkdtempSync(join(tmpdir(), 'kuosan-emoji-'));
const packages = join(root, 'made');
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(path: string, content: string | Uint8Array): void {
  mkdirSync(dirname(join(packages, path)), { recursive: true });
  writeFileSync(join(packages, path), content);
}

/** An image of one color, half transparent. */
function square(color: string): Promise<Buffer> {
  return sharp({ create: { width: 64, height: 64, channels: 4, background: color } })
    .png()
    .toBuffer();
}

/** Packages as the real ones are laid out, with four emoji: a face, France, an island that flies its flag, and a hand. */
beforeAll(async () => {
  const manifest = (name: string) =>
    put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0' }));
  for (const name of ['emojibase-data', 'emoji-datasource-google', '@iconify-json/fluent-emoji-flat']) manifest(name);
  const words = [
    {
      hexcode: '1F1E8-1F1F5',
      label: 'flag: Clipperton Island',
      order: 30,
      group: 1,
      subgroup: 1,
      tags: ['CP', 'flag'],
    },
    { hexcode: '1F1EB-1F1F7', label: 'flag: France', order: 40, group: 1, subgroup: 1, tags: ['FR', 'flag'] },
    { hexcode: '1F1E6', label: 'regional indicator A' },
    { hexcode: '263A', label: 'smiling face', order: 10, group: 0, subgroup: 0, tags: ['smile', 'smiling face'] },
    { hexcode: '1F449', label: 'hand pointing right', order: 20, group: 0, subgroup: 0 },
  ];
  put('node_modules/emojibase-data/en/data.json', JSON.stringify(words));
  put(
    'node_modules/emojibase-data/zh/data.json',
    JSON.stringify(words.map((word) => ({ ...word, label: `中 ${word.hexcode}` }))),
  );
  put(
    'node_modules/emojibase-data/meta/groups.json',
    JSON.stringify({ groups: { 0: 'smileys', 1: 'flags' }, subgroups: { 0: 'faces', 1: 'countries' } }),
  );

  for (const [language, names] of [
    ['en', ['round faces', 'flag']],
    ['zh', ['脸', '旗']],
  ] as const) {
    put(
      `node_modules/emojibase-data/${language}/messages.json`,
      JSON.stringify({
        subgroups: [
          { key: 'faces', message: names[0], order: 0 },
          { key: 'countries', message: names[1], order: 1 },
        ],
      }),
    );
  }

  const colors = { '263a-fe0f': '#ff000080', '1f1e8-1f1f5': 'blue', '1f1eb-1f1f7': 'blue', '1f449': 'green' };
  put(
    'node_modules/emoji-datasource-google/emoji.json',
    JSON.stringify(
      Object.keys(colors).map((code) => ({ unified: code.toUpperCase(), image: `${code}.png`, has_img_google: true })),
    ),
  );
  for (const [code, color] of Object.entries(colors))
    put(`node_modules/emoji-datasource-google/img/google/64/${code}.png`, await square(color));

  put(
    'node_modules/@iconify-json/fluent-emoji-flat/icons.json',
    JSON.stringify({
      width: 32,
      height: 32,
      icons: {
        face: { body: '<circle cx="16" cy="16" r="16" fill="#ff0"/>' },
        left: { body: '<path fill="#000" d="M0 0h16v32H0z"/>' },
      },
      aliases: { right: { parent: 'left', hFlip: true } },
    }),
  );
  put(
    'node_modules/@iconify-json/fluent-emoji-flat/chars.json',
    JSON.stringify({ '263a-fe0f': 'face', '1f449': 'right' }),
  );
});

let count = 0;
function options(more: Partial<EmojiOptions> = {}): Partial<EmojiOptions> & { out: string } {
  return { out: join(root, `out-${count++}`), packages, styles: ['noto', 'fluent-flat'], size: 16, ...more };
}

/** Every file below a folder, by its path. */
function filesOf(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(folder.length), readFileSync(path).toString('base64')]),
  );
}

describe('buildEmoji', () => {
  test('makes a folder that opens as a data set with captions, tags and styles', async () => {
    const given = options();
    const built = await buildEmoji(given);
    expect(built).toMatchObject({
      how: 'built',
      images: 5,
      concepts: 3,
      styles: { noto: 3, 'fluent-flat': 2 },
      duplicates: 1,
    });
    const dataset = await openDataset(given.out, { size: 16, cacheDir: join(root, 'cache') });
    expect(dataset.ids).toEqual([
      'fluent-flat/1F449.png',
      'fluent-flat/263A.png',
      'noto/1F1EB-1F1F7.png',
      'noto/1F449.png',
      'noto/263A.png',
    ]);
    expect(dataset.captions).toEqual([
      'hand pointing right',
      'smiling face',
      'flag: France',
      'hand pointing right',
      'smiling face',
    ]);
    expect(dataset.tags).toEqual([
      ['round faces'],
      ['smile', 'round faces'],
      ['FR', 'flag'],
      ['round faces'],
      ['smile', 'round faces'],
    ]);
    expect(dataset.classNames).toEqual(['fluent-flat', 'noto']);
    const line = readFileSync(join(given.out, 'noto/metadata.jsonl'), 'utf8').split('\n')[0]!;
    expect(JSON.parse(line)).toEqual({
      file_name: '263A.png',
      text: 'smiling face',
      tags: ['smile', 'round faces'],
      code: '263A',
      style: 'noto',
      group: 'smileys',
      subgroup: 'faces',
      language: 'en',
    });
  });

  test('puts transparency on white, and mirrors what is an alias in a mirror', async () => {
    const given = options();
    await buildEmoji(given);
    const pixels = async (path: string) => sharp(join(given.out, path)).raw().toBuffer();
    // Half of red on white: 255, 127 or 128, the same.
    const red = await pixels('noto/263A.png');
    expect(red[0]).toBe(255);
    expect(Math.abs(red[1]! - 127)).toBeLessThanOrEqual(1);
    const hand = await pixels('fluent-flat/1F449.png');
    expect([hand[0], hand[15 * 3]]).toEqual([255, 0]);
  });

  test('of images with the same bytes keeps the one that the others borrow', async () => {
    const given = options({ styles: ['noto'] });
    await buildEmoji(given);
    expect(readdirSync(join(given.out, 'noto')).sort()).toEqual([
      '1F1EB-1F1F7.png',
      '1F449.png',
      '263A.png',
      'metadata.jsonl',
    ]);
  });

  test('makes the same bytes twice', async () => {
    const [a, b] = [options(), options()];
    await buildEmoji(a);
    await buildEmoji(b);
    expect(filesOf(a.out)).toEqual(filesOf(b.out));
  });

  test('has labels in other languages, and says which there are', async () => {
    const given = options({ language: 'zh', styles: ['noto'] });
    await buildEmoji(given);
    expect(readFileSync(join(given.out, 'noto/metadata.jsonl'), 'utf8')).toContain('"text":"中 263A"');
    await expect(buildEmoji(options({ language: 'klingon' }))).rejects.toThrow(
      'data emoji: unknown language "klingon"; one of en, zh',
    );
  });

  test('leaves a complete folder alone, and makes only new splits of it', async () => {
    const given = options({ holdOut: 0 });
    await buildEmoji(given);
    const image = join(given.out, 'noto/263A.png');
    utimesSync(image, 1, 1);
    expect(await buildEmoji(given)).toMatchObject({ how: 'there', images: 5 });
    // As earlier versions wrote it.
    const manifest = join(given.out, 'dataset.json');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"images"', '"pictures"'));
    expect(await buildEmoji(given)).toMatchObject({ how: 'there', images: 5 });
    expect(await buildEmoji({ ...given, testStyles: ['noto'] })).toMatchObject({
      how: 'split',
      splits: { train: 2, 'test-styles': 3 },
    });
    expect(statSync(image).mtimeMs).toBe(1000);
    expect(readFileSync(join(given.out, 'splits/test-styles.txt'), 'utf8')).toBe(
      'noto/263A.png\nnoto/1F449.png\nnoto/1F1EB-1F1F7.png\n',
    );
  });

  test('says of a folder by an earlier version what is other, and leaves it', async () => {
    const given = options();
    await buildEmoji(given);
    const manifest = join(given.out, 'dataset.json');
    const {
      made: { format, ...made },
      ...rest
    } = JSON.parse(readFileSync(manifest, 'utf8')) as { made: Record<string, unknown> };
    expect(format).toBeGreaterThan(1);
    writeFileSync(manifest, JSON.stringify({ made, ...rest }));
    const before = filesOf(given.out);
    await expect(buildEmoji(given)).rejects.toThrow(
      /was built by an earlier version, which gave the images other tags; give another --out, or remove it$/,
    );
    expect(filesOf(given.out)).toEqual(before);
  });

  test('overwrites neither another data set nor anything else', async () => {
    const given = options();
    await buildEmoji(given);
    await expect(buildEmoji({ ...given, size: 32 })).rejects.toThrow(
      /holds another data set .*"size":16.*; give another --out, or remove it/,
    );
    const other = options();
    mkdirSync(other.out);
    writeFileSync(join(other.out, 'thesis.txt'), 'all of it');
    await expect(buildEmoji(other)).rejects.toThrow('holds other files; give another --out, or remove it');
    expect(readdirSync(other.out)).toEqual(['thesis.txt']);
  });

  test('goes on with the images that a stopped build has made, and ends with the same bytes', async () => {
    const [whole, stopped] = [options(), options()];
    await buildEmoji(whole);
    const controller = new AbortController();
    const stop = buildEmoji({
      ...stopped,
      signal: controller.signal,
      onProgress: (done) => {
        if (done === 2) controller.abort(new Error('stopped'));
      },
    });
    await expect(stop).rejects.toThrow('stopped');
    expect(readdirSync(root)).not.toContain('out-x');
    const part = stableAsidePath(stopped.out);
    const made = readdirSync(part, { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.png'));
    expect(made.length).toBeGreaterThanOrEqual(2);
    utimesSync(join(part, made[0]!), 1, 1);
    await buildEmoji(stopped);
    expect(statSync(join(stopped.out, made[0]!)).mtimeMs).toBe(1000);
    expect(filesOf(stopped.out)).toEqual(filesOf(whole.out));
    expect(readdirSync(root)).not.toContain(part);
  });

  test('prints the command that installs what is missing, and keeps what is there', async () => {
    await expect(buildEmoji(options({ styles: ['noto', 'twemoji', 'fluent'] }))).rejects.toThrow(
      `data emoji: the packages emoji-datasource-twitter, @lobehub/fluent-emoji-3d are not installed; run: npm install --no-save --prefix "${packages}" emojibase-data@1.0.0 emoji-datasource-google@1.0.0 emoji-datasource-twitter@16.0.0 @lobehub/fluent-emoji-3d@1.1.0`,
    );
  });

  test.each([
    [{ styles: [] }, 'no style'],
    [{ styles: ['noto', 'noto'] }, 'a style is named twice in noto,noto'],
    [{ testStyles: ['twemoji'] }, 'the test style "twemoji" is not among the styles noto, fluent-flat'],
    [{ testStyles: ['noto', 'fluent-flat'] }, 'every style is a test style'],
    [{ size: 4 }, 'size: expected an integer from 8 to 1024, got 4'],
    [{ holdOut: 1 }, 'holdOut: expected a share from 0 to below 1, got 1'],
  ] as const)('refuses %o', async (more, message) => {
    const given = options(more as Partial<EmojiOptions>);
    await expect(buildEmoji(given)).rejects.toThrow(message);
    expect(readdirSync(root)).not.toContain(given.out.slice(root.length + 1));
  });
});
