import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { stableAsidePath } from './aside-path.ts';
import { replaceWhole } from './durable-files.ts';
import { describeSystemError, systemReason } from './system-reason.ts';
import { appendWhole, checkExtension, checkWritable, writeFileWhole } from './write-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-write-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('writeFileWhole', () => {
  it('makes missing folders, replaces an old file and leaves nothing next to it', async () => {
    const path = join(folder, 'a/b/c.bin');
    await writeFileWhole(path, Uint8Array.of(1));
    await writeFileWhole(path, [Uint8Array.of(2), Uint8Array.of(3, 4)]);
    expect([...(await readFile(path))]).toEqual([2, 3, 4]);
    expect(await readdir(join(folder, 'a/b'))).toEqual(['c.bin']);
  });

  it('writes at once from several places without mixing them', async () => {
    const path = join(folder, 'same.bin');
    await Promise.all([1, 2, 3, 4].map(async (value) => writeFileWhole(path, new Uint8Array(10_000).fill(value))));
    const bytes = await readFile(path);
    expect(new Set(bytes).size).toBe(1);
    expect(await readdir(folder)).toEqual(['same.bin']);
  });

  it('names a path that is a folder, or lies below a file, and touches nothing', async () => {
    await mkdir(join(folder, 'taken'));
    await writeFile(join(folder, 'file'), 'kept');
    await expect(writeFileWhole(join(folder, 'taken'), Uint8Array.of(1))).rejects.toThrow(
      /^cannot write ".*taken": it is a folder; give another path$/,
    );
    await expect(writeFileWhole(join(folder, 'file/x.png'), Uint8Array.of(1))).rejects.toThrow(
      /^cannot write ".*x\.png": .* not a folder; give another path$/,
    );
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe('kept');
    expect((await readdir(folder)).sort()).toEqual(['file', 'taken']);
  });

  it.runIf(process.platform === 'linux')('ends with an error where the system makes no files', async () => {
    await expect(writeFileWhole('/proc/kuosan/x.png', Uint8Array.of(1))).rejects.toThrow(
      /^cannot write "\/proc\/kuosan\/x\.png": /,
    );
  });
});

/** 255 bytes, as many as file systems take for a name; and one more. */
const longest = `${'扩'.repeat(83)}ab.png`;

describe('a long name', () => {
  it('is as long as the system takes, in bytes', async () => {
    expect(Buffer.byteLength(longest)).toBe(255);
    for (const name of [longest, `${'a'.repeat(251)}.png`]) {
      await checkWritable(join(folder, name));
      await writeFileWhole(join(folder, name), Uint8Array.of(1));
      expect(await readdir(folder)).toEqual([name]);
      await rm(join(folder, name));
    }
    // The stable name is short too, and each file's own.
    expect(stableAsidePath(join(folder, longest))).toBe(stableAsidePath(join(folder, longest)));
    expect(stableAsidePath(join(folder, longest))).not.toBe(stableAsidePath(join(folder, 'b.png')));
    expect(basename(stableAsidePath(join(folder, longest))).length).toBeLessThan(40);
  });

  it('that is too long is found before the work, also in folders that are still to be made', async () => {
    for (const path of [`a${longest}`, `new/deep/a${longest}`, `new/a${longest}/x.png`]) {
      await expect(checkWritable(join(folder, path))).rejects.toThrow(/: the name is too long; give another path$/);
    }
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('appendWhole', () => {
  it('adds to a file, which it makes', async () => {
    const path = join(folder, 'log');
    await appendWhole(path, Uint8Array.of(1, 2));
    await appendWhole(path, Uint8Array.of(3));
    expect([...(await readFile(path))]).toEqual([1, 2, 3]);
  });

  it('names the path and the reason where it cannot', async () => {
    await expect(appendWhole(join(folder, 'none/log'), Uint8Array.of(1))).rejects.toThrow(
      /^cannot write ".*none\/log": it does not exist; give another path$/,
    );
  });

  it.runIf(process.platform === 'linux')('says that a disk is full', async () => {
    await expect(appendWhole('/dev/full', Uint8Array.of(1))).rejects.toThrow(
      'cannot write "/dev/full": no space left on the disk',
    );
  });
});

describe('checkWritable', () => {
  it('accepts a new path and leaves no trace', async () => {
    await checkWritable(join(folder, 'new/deep/x.png'));
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('checkExtension', () => {
  it('accepts either case and refuses another extension', () => {
    checkExtension('a.PNG', '.png');
    expect(() => checkExtension('notes.txt', '.png')).toThrow(
      'cannot write "notes.txt": the name does not end in .png',
    );
  });
});

describe('replaceWhole', () => {
  it('gives a folder the place of one that has files, when it is whole', async () => {
    const path = join(folder, 'page');
    await mkdir(path);
    await writeFile(join(path, 'old'), '1');
    await replaceWhole(path, async (aside) => {
      await mkdir(aside);
      await writeFile(join(aside, 'new'), '2');
      expect(await readdir(path)).toEqual(['old']);
    });
    expect(await readdir(path)).toEqual(['new']);
    expect(await readdir(folder)).toEqual(['page']);
  });

  it('leaves the old one and nothing else when the new one fails', async () => {
    const path = join(folder, 'file');
    await writeFile(path, 'kept');
    const fails = replaceWhole(path, async (aside) => {
      await writeFile(aside, 'half');
      throw new Error('no more');
    });
    await expect(fails).rejects.toThrow('no more');
    expect(await readFile(path, 'utf8')).toBe('kept');
    expect(await readdir(folder)).toEqual(['file']);
  });
});

test.each([
  [Object.assign(new Error('a'), { code: 'EDQUOT' }), 'no space left on the disk'],
  [new Error('b', { cause: Object.assign(new Error('c'), { code: 'EROFS' }) }), 'the file system is read-only'],
  [Object.assign(new Error('EIO: i/o error, write\nmore'), { code: 'EIO', syscall: 'write' }), 'EIO: i/o error, write'],
  [new Error('not of the system\nat all'), undefined],
  [Object.assign(new Error('of a name that objects have'), { code: 'constructor' }), undefined],
])('%s has its reason', (error, reason) => {
  expect(systemReason(error)).toBe(reason);
  expect(describeSystemError(error)).toBe(reason ?? error.message.split('\n')[0]);
});
