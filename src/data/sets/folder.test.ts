import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { metadataColumns } from './captions.ts';
import { imageFiles } from './folder.ts';
import { openDataset, testPartOf } from './open-dataset.ts';
import { takeListed } from './take-listed.ts';

let folder: string;
let cacheDir: string;
beforeEach(async () => {
  const base = await mkdtemp(join(tmpdir(), 'kuosan-folder-'));
  folder = join(base, 'images');
  cacheDir = join(base, 'cache');
  await mkdir(folder);
});
afterEach(async () => {
  await rm(dirname(folder), { recursive: true });
});

const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#369' } })
  .png()
  .toBuffer();
const bytes = (path: string, name: string): Buffer =>
  Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name, 'latin1')]);
const open = (options = {}) => openDataset(folder, { size: 4, cacheDir, ...options });

async function put(id: string, content: string | Uint8Array = png): Promise<void> {
  await mkdir(dirname(join(folder, id)), { recursive: true });
  await writeFile(join(folder, id), content);
}

const lines = (...entries: readonly object[]): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');

describe('what cannot be read', () => {
  const notUtf8 = 'its name is not UTF-8 (rename it; convmv does so for whole folders)';

  // Windows and macOS have no such names.
  describe.runIf(process.platform === 'linux')('for its name', () => {
    it('is an image that is named, and left out with skipBad', async () => {
      await put('ok.png');
      await writeFile(bytes(folder, 'caf\xe9.png'), png);
      await writeFile(bytes(folder, 'caf\xe9.doc'), 'no image');
      await expect(open()).rejects.toThrow(
        `data: ${JSON.stringify(join(folder, 'caf\ufffd.png'))}: ${notUtf8}; remove the file, or leave such files out with --skip-bad`,
      );
      const skipped = [{ id: 'caf\ufffd.png', reason: notUtf8 }];
      expect(await open({ skipBad: true })).toMatchObject({ ids: ['ok.png'], skipped });
      // Also after the cache has the others.
      expect(await open({ skipBad: true })).toMatchObject({ skipped, fromCache: true });
      await expect(open()).rejects.toThrow(notUtf8);
    });

    it('is a folder, also for the commands that take files', async () => {
      await put('ok.png');
      await mkdir(bytes(folder, 'd\xe9j\xe0'));
      await expect(open()).rejects.toThrow(
        /d.j.": its name is not UTF-8 .*; mend it, or leave such files out with --skip-bad$/,
      );
      expect(await open({ skipBad: true })).toMatchObject({
        count: 1,
        skipped: [{ id: 'd\ufffdj\ufffd', reason: notUtf8 }],
      });
      await expect(imageFiles(folder)).rejects.toThrow(notUtf8);
      expect(await imageFiles(folder, { skipBad: true })).toEqual({
        files: [join(folder, 'ok.png')],
        skipped: [{ id: join(folder, 'd\ufffdj\ufffd'), reason: notUtf8 }],
        notes: [],
      });
    });

    it('is all there is', async () => {
      await writeFile(bytes(folder, 'caf\xe9.png'), png);
      await expect(open({ skipBad: true })).rejects.toThrow(
        `none of its images can be read; the first, caf\ufffd.png: ${notUtf8}`,
      );
    });
  });

  it('is an image behind a link that leads nowhere', async () => {
    await put('ok.png');
    await symlink('nowhere.png', join(folder, 'a.png'));
    await symlink('nowhere.txt', join(folder, 'a.txt'));
    await symlink('loop.png', join(folder, 'loop.png'));
    await expect(open()).rejects.toThrow(
      'a.png": its link cannot be followed: it does not exist; remove the file, or leave',
    );
    expect((await open({ skipBad: true })).skipped).toEqual([
      { id: 'a.png', reason: 'its link cannot be followed: it does not exist' },
      { id: 'loop.png', reason: 'its link cannot be followed: too many symbolic links' },
    ]);
  });

  it.runIf(process.platform !== 'win32')('is a folder without permission', async () => {
    await put('ok.png');
    await put('locked/a.png');
    await chmod(join(folder, 'locked'), 0o000);
    await chmod(dirname(folder), 0o777);
    // The super-user may read everything: as nobody, then.
    const isRoot = process.geteuid!() === 0;
    if (isRoot) process.seteuid!(65_534);
    try {
      await expect(open()).rejects.toThrow(
        'locked": permission denied; mend it, or leave such files out with --skip-bad',
      );
      expect(await open({ skipBad: true })).toMatchObject({
        ids: ['ok.png'],
        skipped: [{ id: 'locked', reason: 'permission denied' }],
      });
    } finally {
      if (isRoot) process.seteuid!(0);
      await chmod(join(folder, 'locked'), 0o700);
    }
    expect((await open()).ids).toEqual(['locked/a.png', 'ok.png']);
  });
});

describe('where several metadata.jsonl name an image', () => {
  // Before and after `metadata.jsonl` in the order of paths.
  test.each(['a', 'z'])('the nearest one counts, whole, in a folder called %s', async (inner) => {
    await put('0.png');
    await put(`${inner}/1.png`);
    await put(
      'metadata.jsonl',
      lines(
        { file_name: '0.png', text: 'root image' },
        { file_name: `${inner}/1.png`, text: 'from the root', tags: ['far'], group: 'far' },
      ),
    );
    await put(`${inner}/metadata.jsonl`, lines({ file_name: '1.png', text: 'from the folder', group: 'near' }));
    const dataset = await open();
    expect(dataset.captions).toEqual(['root image', 'from the folder']);
    expect(dataset.tags).toBeUndefined();
    expect(dataset.notes).toEqual([
      `1 image has lines in several metadata.jsonl files, the nearest one counts: that of ${inner}/1.png is ${inner}/metadata.jsonl`,
    ]);
    expect(await metadataColumns(folder, dataset.ids, ['group', 'none'])).toEqual([
      new Map([[`${inner}/1.png`, 'near']]),
      new Map(),
    ]);
  });

  it('two that are as near are an error, as two lines are', async () => {
    await put('a/1.png');
    await put('b/metadata.jsonl', lines({ file_name: '../a/1.png', text: 'one' }));
    await put('c/metadata.jsonl', lines({ file_name: '../a/1.png', text: 'two' }));
    await expect(open()).rejects.toThrow(
      'c/metadata.jsonl:1": "../a/1.png" has a line already in b/metadata.jsonl:1, as near to it as this one',
    );
  });
});

describe('names in other code points', () => {
  const [composed, decomposed] = ['caf\u00e9', 'cafe\u0301'];

  it('are the same in metadata, in texts, in lists, and for classes', async () => {
    await put(`${decomposed}/${decomposed}.png`);
    await put(`${decomposed}/plain.png`);
    await put('b/c.png');
    await put('metadata.jsonl', lines({ file_name: `${composed}/${composed}.png`, text: 'a cup', group: 'drinks' }));
    await put('list.txt', `${composed}/plain.png\n`);
    const dataset = await open();
    expect(dataset.captions).toEqual(['', 'a cup', '']);
    expect(dataset.classNames).toEqual(['b', composed]);
    expect((await takeListed(dataset, 'list.txt')).ids).toEqual([`${decomposed}/plain.png`]);
    const [column] = await metadataColumns(folder, dataset.ids, ['group']);
    expect([...column!]).toEqual([[`${decomposed}/${decomposed}.png`, 'drinks']]);
    await rm(join(folder, 'metadata.jsonl'));
    await put(`${decomposed}/${composed}.txt`, 'a cup');
    expect((await open()).captions).toEqual(['', 'a cup', '']);
  });

  it('are an error where two files look the same, and the name fits neither', async () => {
    const [full, half, apart] = ['\u1ead.png', '\u1ea1\u0302.png', 'a\u0323\u0302.png'];
    await put(full);
    await put(half);
    await put('metadata.jsonl', lines({ file_name: apart, text: 'x' }));
    // Some file systems take the two for one.
    if ((await imageFiles(folder)).files.length < 2) return;
    await expect(open()).rejects.toThrow('can be any of 2 names that look alike and differ in their code points');
    await put('metadata.jsonl', lines({ file_name: half, text: 'the half one' }));
    expect((await open()).captions!.filter((caption) => caption !== '')).toEqual(['the half one']);
  });
});

describe('folders that are splits', () => {
  const splits = async (...names: readonly string[]): Promise<void> => {
    for (const name of names) for (const id of ['cat/0.png', 'dog/1.png']) await put(`${name}/${id}`);
  };

  it('are no classes: train is read, and the note says how to read the others', async () => {
    await splits('test', 'train', 'val');
    const dataset = await open();
    expect(dataset).toMatchObject({ ids: ['train/cat/0.png', 'train/dog/1.png'], classNames: ['cat', 'dog'] });
    expect(dataset.notes).toEqual([
      `its folders test, train, val are splits, of which train is read; give ${join(folder, 'test')} or ${join(folder, 'val')} for another`,
    ]);
    const train = await openDataset(join(folder, 'train'), { size: 4, cacheDir });
    expect(train).toMatchObject({ ids: ['cat/0.png', 'dog/1.png'], notes: [] });
    expect(train.fingerprint).toBe(dataset.fingerprint);
    expect(await openDataset(join(folder, 'test'), { size: 4, cacheDir })).toMatchObject({
      classNames: ['cat', 'dog'],
      count: 2,
      notes: [],
    });
  });

  it('have a held-out part: test, else validation', async () => {
    await splits('training', 'valid');
    expect(await testPartOf(folder)).toBe(join(folder, 'valid'));
    await splits('test');
    expect(await testPartOf(folder)).toBe(join(folder, 'test'));
    expect(await testPartOf(join(folder, 'training'))).toBe(join(folder, 'test'));
    expect(await testPartOf(join(folder, 'test'))).toBeUndefined();
    expect(await testPartOf('mnist')).toBe('mnist/test');
    expect(await testPartOf('noto-emoji')).toBeUndefined();
  });

  it('may share a metadata.jsonl', async () => {
    await splits('test', 'train');
    await put(
      'metadata.jsonl',
      lines({ file_name: 'train/cat/0.png', text: 'a cat' }, { file_name: 'test/cat/0.png', text: 'another' }),
    );
    expect((await open()).captions).toEqual(['a cat', '']);
    await put('metadata.jsonl', lines({ file_name: 'tets/cat/0.png', text: 'a cat' }));
    await expect(open()).rejects.toThrow('there is no image "tets/cat/0.png"');
  });

  it('are an error where there is no train', async () => {
    await splits('test', 'val');
    await expect(open()).rejects.toThrow(
      `its folders are the splits test, val, and it has no train; give ${join(folder, 'test')} or ${join(folder, 'val')}`,
    );
  });

  it('are a split also where train is alone', async () => {
    await splits('train');
    expect(await open()).toMatchObject({ classNames: ['cat', 'dog'], notes: [] });
  });

  it('are classes next to folders that are none, which is said where it is in doubt', async () => {
    await put('train/0.png');
    await put('bus/1.png');
    expect(await open()).toMatchObject({ classNames: ['bus', 'train'], notes: [] });
    await put('test/2.png');
    expect((await open()).notes).toEqual([
      `test, train are classes here, since other folders lie next to them; give ${join(folder, 'train')} to read one as a split`,
    ]);
  });
});

describe('other files of a folder', () => {
  it('are named where they are images of formats that are not read', async () => {
    await put('a.png');
    for (const id of ['1.bmp', '2.BMP', 'in/3.bmp', '4.heic', 'notes.doc']) await put(id, 'x');
    const note = '4 images are left out, their formats are not read: .bmp 3, .heic 1; convert them to PNG or JPEG';
    expect((await open()).notes).toEqual([note]);
    // Also where the images come from the cache.
    expect(await open()).toMatchObject({ fromCache: true, notes: [note] });
    expect((await imageFiles(folder)).notes).toEqual([note]);
    await rm(join(folder, '4.heic'));
    expect((await open()).notes).toEqual([note.replace('4 images', '3 images').replace(', .heic 1', '')]);
  });
});
