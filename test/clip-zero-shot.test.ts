/** The commands that measure and classify with a CLIP, on a small one that was trained here. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { colors, run, smallClip } from './small-clip.ts';

smallClip();

describe('kuosan classify', () => {
  test('names the color of each image it was trained on', async () => {
    const { status, stdout, stderr } = await run(
      'classify',
      'run',
      '--images',
      'images',
      '--labels',
      colors.join(','),
      '--top',
      '2',
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const lines = stdout.trim().split('\n');
    expect(lines).toHaveLength(8);
    const right = lines.filter((line) => new RegExp(`^images/(\\w+).png: \\1 [\\d.]+ % · \\w+ [\\d.]+ %$`).test(line));
    expect(right.length, stdout).toBeGreaterThanOrEqual(7);
  });

  test('takes labels from a file, several sentences and one image', async () => {
    writeFileSync('labels.txt', '\ufeffred\n\nblue\n');
    const { stdout } = await run(
      'classify',
      'run',
      '--images',
      'images/red.png',
      '--labels',
      'labels.txt',
      '--template',
      '{}',
      '--template',
      '{} one',
    );
    expect(stdout).toMatch(/^images\/red.png: red [\d.]+ % · blue [\d.]+ %\n$/);
  });

  test('tells programs the same', async () => {
    const { stdout } = await run(
      'classify',
      'run',
      '--images',
      'images',
      '--labels',
      colors.join(','),
      '--top',
      '2',
      '--json',
    );
    const lines = stdout
      .trim()
      .split('\n')
      .map(
        (line) =>
          JSON.parse(line) as {
            readonly file: string;
            readonly labels: readonly {
              readonly label: string;
              readonly probability: number;
              readonly cosine: number;
            }[];
          },
      );
    expect(lines.map(({ file }) => file)).toEqual(colors.map((color) => `images/${color}.png`).sort());
    for (const {
      labels: [best, second],
    } of lines) {
      expect(best!.probability).toBeGreaterThanOrEqual(second!.probability);
      expect(best!.cosine).toBeGreaterThanOrEqual(second!.cosine);
    }
  });

  test.each([
    [['--labels', ',,'], 2, '--labels: there is no label in ",,"'],
    [
      ['--labels', 'none.txt'],
      1,
      '--labels: cannot read "none.txt" (it does not exist); give labels separated by commas, or a file in UTF-8 with one on each line',
    ],
    [
      ['--labels', 'latin1.txt'],
      1,
      '--labels: cannot read "latin1.txt" (is not text in UTF-8); give labels separated by commas, or a file in UTF-8 with one on each line',
    ],
    [['--labels', 'Red,red'], 1, 'the labels "Red" and "red" are the same to this tokenizer; give each another name'],
    [['--labels', 'red', '--template', 'a color'], 2, '--template: "a color" has no {} for the label'],
    [['--labels', 'red', '--images', 'none'], 1, 'images "none": it does not exist'],
  ])('%j', async (words, status, message) => {
    writeFileSync('latin1.txt', Buffer.from('caf\xe9\nth\xe9\n', 'latin1'));
    const ended = await run('classify', 'run', ...(words.includes('--images') ? [] : ['--images', 'images']), ...words);
    expect(ended.stderr).toMatch(message);
    expect(ended.status).toBe(status);
    expect(ended.stderr.trim().split('\n')).toHaveLength(1);
  });

  test('leaves out files that are no images if asked, and counts them', async () => {
    cpSync('images', 'mixed', { recursive: true });
    writeFileSync('mixed/damaged.png', 'no image');
    const words = ['classify', 'run', '--images', 'mixed', '--labels', 'red,blue'];
    expect((await run(...words)).stderr).toMatch(
      /cannot read "mixed\/damaged.png": not an image that can be read; remove the file, or leave such files out with --skip-bad/,
    );
    const { stdout, stderr } = await run(...words, '--skip-bad');
    expect(stdout.trim().split('\n')).toHaveLength(8);
    expect(stderr).toBe(
      'left out 1 file that cannot be read, the first is mixed/damaged.png: not an image that can be read\n',
    );
  });
});

describe('kuosan zero-shot', () => {
  const words = ['zero-shot', 'run', '--data', 'marked'];
  beforeAll(() => {
    cpSync('images', 'marked', { recursive: true });
    for (const color of colors) rmSync(`marked/${color}.txt`);
    writeFileSync(
      'marked/metadata.jsonl',
      colors
        .map((color) =>
          JSON.stringify({
            file_name: `${color}.png`,
            text: color,
            top1: 'group',
            mood: ['red', 'yellow', 'magenta'].includes(color) ? 'warm' : 'cold',
          }),
        )
        .join('\n'),
    );
    writeFileSync('marked/some.list', 'red.png\nblue.png\n');
  });

  test('counts the images that get their own caption', async () => {
    const { status, stdout } = await run(...words);
    expect(status).toBe(0);
    const [, top1] =
      /^8 images of marked, 8 captions to choose from\ntop-1 ([\d.]+) %, top-5 [\d.]+ %; by chance 12\.5 % and 62\.5 %\n$/.exec(
        stdout,
      ) ?? [];
    expect(Number(top1), stdout).toBeGreaterThanOrEqual(87);
  });

  test('of a list, among all captions or those of the list, and by group', async () => {
    const whole = JSON.parse((await run(...words, '--files', 'some.list', '--group', 'mood', '--json')).stdout) as {
      readonly top1: number;
      readonly group: { readonly mood: number };
      readonly likeliestGroup: { readonly mood: number };
    };
    expect(whole).toMatchObject({ images: 2, captions: 8, top5: 1 });
    expect(whole.group.mood).toBeGreaterThanOrEqual(whole.top1);
    expect(whole.likeliestGroup.mood).toBeGreaterThanOrEqual(0.5);
    expect(
      JSON.parse((await run(...words, '--files', 'some.list', '--among', 'files', '--json')).stdout),
    ).toMatchObject({ images: 2, captions: 2, top5: 1 });
    // Red is warm as 3 of 8 captions are, blue is cold as 5 of 8.
    expect((await run(...words, '--files', 'some.list', '--group', 'mood')).stdout).toMatch(
      /\nright mood [\d.]+ % by the best caption, [\d.]+ % by the probabilities of all; by chance 50\.0 %\n$/,
    );
  });

  test.each([
    [['--among', 'files'], 2, '--among files: there is no list; give it with --files'],
    [['--group', 'size'], 2, '--group: black.png has no "size" in metadata.jsonl'],
    [['--template', 'a color'], 2, '--template: "a color" has no {} for the label'],
    [
      ['--files', 'none.list'],
      1,
      'data list "none.list": there is no such file, neither "marked/none.list" nor "none.list"',
    ],
  ])('%j', async (more, status, message) => {
    const ended = await run(...words, ...more);
    expect(ended.stderr).toBe(`kuosan: ${message}\n`);
    expect(ended.status).toBe(status);
  });

  test('with the tags of each caption', async () => {
    expect(await run(...words, '--tags')).toMatchObject({
      status: 2,
      stderr: 'kuosan: --tags: the lines of metadata.jsonl of marked have none\n',
    });
    cpSync('marked', 'tagged', { recursive: true });
    const told = (tags: string) => {
      writeFileSync(
        'tagged/metadata.jsonl',
        colors.map((color) => JSON.stringify({ file_name: `${color}.png`, text: color, tags: [tags] })).join('\n'),
      );
      return run('zero-shot', 'run', '--data', 'tagged', '--tags', '--json');
    };
    // The same word behind every caption tells less than the captions alone, and more than nothing.
    const { top1, captions } = JSON.parse((await told('color')).stdout) as {
      readonly top1: number;
      readonly captions: number;
    };
    expect(captions).toBe(8);
    expect(top1).toBeGreaterThan(0.12);
  });

  test('a group may be called like a result', async () => {
    const result = JSON.parse((await run(...words, '--group', 'top1', '--json')).stdout) as {
      readonly top1: number;
      readonly group: object;
    };
    expect(result.top1).toBeLessThanOrEqual(1);
    expect(result.group).toEqual({ top1: 1 });
    expect(JSON.parse((await run(...words, '--json')).stdout)).toMatchObject({ top1: result.top1 });
  });

  test('leaves out files that are no images if asked, as it advises, and counts them', async () => {
    cpSync('marked', 'torn', { recursive: true });
    writeFileSync('torn/torn.png', 'no image');
    const torn = ['zero-shot', 'run', '--data', 'torn'];
    expect(await run(...torn)).toMatchObject({
      status: 1,
      stderr:
        'kuosan: data: "torn/torn.png": not an image that can be read; remove the file, or leave such files out with --skip-bad\n',
    });
    const { stdout, stderr } = await run(...torn, '--skip-bad');
    expect(stdout).toMatch(/^8 images of torn, 8 captions to choose from\n/);
    expect(stderr).toMatch(
      /^left out 1 file that cannot be read, the first is torn.png: not an image that can be read\n/,
    );
  });

  test('images without captions, and with the same to the model', async () => {
    mkdirSync('bare');
    cpSync('images/red.png', 'bare/red.png');
    expect((await run('zero-shot', 'run', '--data', 'bare')).stderr).toMatch(
      /^kuosan: data: the images of bare have no captions; put them into metadata.jsonl/,
    );
    cpSync('images/red.png', 'bare/Red.png');
    for (const name of ['red', 'Red']) writeFileSync(`bare/${name}.txt`, name);
    expect((await run('zero-shot', 'run', '--data', 'bare')).stderr).toBe(
      'kuosan: the labels "Red" and "red" are the same to this tokenizer; give each another name\n',
    );
  });
});

test('images are looked at in seven ways if asked, and kept apart from those that were not', async () => {
  const cosines = async (...more: string[]) =>
    (await run('classify', 'run', '--images', 'images', '--labels', colors.join(','), '--json', ...more)).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; labels: { label: string; cosine: number }[] });
  const [once, seven, again] = [await cosines(), await cosines('--tta'), await cosines()];
  expect(again).toEqual(once);
  expect(seven).not.toEqual(once);
  // One color is the same wherever one looks.
  seven.forEach(({ labels }, i) => expect(labels[0]!.cosine).toBeCloseTo(once[i]!.labels[0]!.cosine, 3));
  const { top1 } = JSON.parse((await run('zero-shot', 'run', '--data', 'marked', '--tta', '--json')).stdout) as Record<
    string,
    number
  >;
  expect(top1).toBeGreaterThanOrEqual(0.87);
});

describe('kuosan probe', () => {
  const words = ['probe', 'run', '--data', 'classes', '--test', 'asked'];
  beforeAll(async () => {
    // Three shades of each of two colors to learn from, a fourth to tell.
    const shades = {
      red: ['#ff0000', '#e00000', '#c01010', '#f01818'],
      blue: ['#0000ff', '#0000e0', '#1010c0', '#1818f0'],
    };
    for (const [name, [last, ...others]] of Object.entries(shades)) {
      for (const [folder, each] of [
        ['classes', others],
        ['asked', [last!]],
      ] as const) {
        mkdirSync(`${folder}/${name}`, { recursive: true });
        for (const [i, background] of each.entries())
          await sharp({ create: { width: 8, height: 8, channels: 3, background } })
            .png()
            .toFile(`${folder}/${name}/${i}.png`);
      }
    }
  });

  test('learns classes from the vectors, by a line and by neighbors', async () => {
    const { status, stdout } = await run(...words, '--neighbors', '3', '--c', '10');
    expect(stdout).toBe(
      'features of 8: 6 training images of classes, 2 test images of asked, 2 classes\nlinear probe 100.00 % (C = 10.0); 3 nearest neighbors 100.00 %\n',
    );
    expect(status).toBe(0);
  });

  test('wants the same classes, and says all in JSON', async () => {
    for (const name of ['red', 'absent']) cpSync('asked/red', `only/${name}`, { recursive: true });
    expect((await run(...words.slice(0, 4), '--test', 'only', '--neighbors', '1', '--c', '1')).stderr).toContain(
      '--test: only has the class "absent", which classes lacks; give images of the same classes',
    );
    const found = JSON.parse(
      (await run(...words.slice(0, 4), '--test', 'asked', '--neighbors', '1', '--c', '10', '--json')).stdout,
    ) as Record<string, number>;
    expect(found).toMatchObject({
      images: 6,
      asked: 2,
      classes: 2,
      dim: 8,
      inverseRegularization: 10,
      linear: 1,
      neighbors: 1,
      nearest: 1,
    });
  });

  test.each([
    [['--data', 'classes'], 2, '--test: classes has no test split; give other images of the same classes'],
    [['--data', 'images', '--test', 'asked'], 1, 'images: has no classes; put each class in a folder of its own'],
    [
      ['--data', 'classes', '--test', 'asked', '--neighbors', '7'],
      2,
      '--neighbors: there are only 6 images in classes',
    ],
    [
      ['--data', 'classes', '--test', 'asked', '--neighbors', '0'],
      2,
      '--neighbors: expected an integer from 1 to 10000, got "0"',
    ],
    [
      ['--data', 'classes', '--test', 'asked', '--c', '0'],
      2,
      '--c: expected a number from 0.000001 to 1000000, got "0"',
    ],
  ])('%j', async (more, status, message) => {
    const ended = await run('probe', 'run', ...more);
    expect(ended.stderr).toBe(`kuosan: ${message}\n`);
    expect(ended.status).toBe(status);
  });
});
