/** Files of strangers, from outside: whatever is in them, a value or an error of one line, soon, and in little memory. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, describe, expect, test } from 'vitest';
import { latestCheckpoint, readModelFolder, readRun, writeModelFolder } from '../src/checkpoint/index.ts';
import { openDataset } from '../src/data/index.ts';
import { networkProcess, schedulerConfig } from '../src/diffusion/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { parseDdpmConfig } from '../src/systems/index.ts';
import { readConfig } from '../src/train/index.ts';
import { tinyModel } from './kuosan.ts';

const base = mkdtempSync(join(tmpdir(), 'kuosan-fuzz-'));
afterAll(() => rmSync(base, { recursive: true, force: true }));
const at = (name: string) => join(base, name);

/** Runs a reader; an error must be an Error of one line, and not one of the engine's own about memory or its stack. */
async function outcome<T>(read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(RangeError);
    const { message } = error as Error;
    expect(message).toMatch(/^[^\n]+$/);
    expect(message).not.toMatch(/call stack|allocation failed|Invalid (?:typed )?array length|undefined|\[object/);
    expect(message.length).toBeLessThan(1000);
    return undefined;
  }
}

/** A file with some bytes changed, or cut short. */
const damage = (file: Uint8Array) =>
  fc
    .tuple(fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { maxLength: 3 }), fc.option(fc.nat(file.length)))
    .map(([changes, cut]) => {
      const bytes = Uint8Array.from(file);
      for (const [place, byte] of changes) bytes[place] = byte;
      return cut === null ? bytes : bytes.slice(0, cut);
    });

/** Numbers that break what is careless with them, and values of other kinds. */
const strange = fc.oneof(
  fc.constantFrom(-1, 0, 0.5, 1e9, 2 ** 31, 2 ** 53, 1e300, null, true, '', 'x', '__proto__', [], {}, [[]]),
  fc.array(fc.nat(1e9), { maxLength: 40 }),
  fc.jsonValue(),
);

/** An object with strange values at some of its places, and strange keys. */
function disturbed(value: unknown): fc.Arbitrary<unknown> {
  const places = placesOf(value);
  return fc.array(fc.tuple(fc.constantFrom(...places), strange), { minLength: 1, maxLength: 3 }).map((changes) => {
    const copy = structuredClone(value) as Record<string, unknown>;
    for (const [place, change] of changes) {
      const inner = place
        .slice(0, -1)
        .reduce<unknown>((parent, key) => (parent as Record<string, unknown> | null)?.[key], copy);
      if (typeof inner === 'object' && inner !== null)
        (inner as Record<string, unknown>)[place.at(-1)!] = structuredClone(change);
    }
    return copy;
  });
}
function placesOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [[key], ...placesOf(inner).map((place) => [key, ...place])]);
}

describe('configurations', () => {
  const preset = readFileSync(new URL('../presets/cifar10.jsonc', import.meta.url));

  test('a preset with bytes changed, or cut short', async () => {
    await fc.assert(
      fc.asyncProperty(damage(preset), async (bytes) => {
        writeFileSync(at('config.json'), bytes);
        await outcome(async () => parseDdpmConfig(await readConfig(at('config.json'))));
      }),
      { numRuns: 300 },
    );
  });

  test('a file of any bytes, of deep brackets, or of gigabytes', async () => {
    for (const bytes of [
      Buffer.from('['.repeat(1_000_000)),
      Buffer.from('{"a":'.repeat(300_000)),
      Buffer.alloc(30_000_000, '/'),
      Buffer.from('{"__proto__":{"train":{"steps":1}}}'),
      Buffer.alloc(2000, 255),
    ]) {
      writeFileSync(at('config.json'), bytes);
      expect(await outcome(async () => parseDdpmConfig(await readConfig(at('config.json'))))).toBeUndefined();
    }
  });

  test.each([
    { layersPerBlock: 1e9 },
    { blockOutChannels: new Array(1000).fill(8) },
    { blockOutChannels: [2 ** 53] },
    { normNumGroups: 2 ** 53 },
  ])('a network without end: %j', async (change) => {
    expect(
      await outcome(
        () =>
          new UNet2DModel(
            parseDdpmConfig({ data: { source: 'x', size: 8 }, model: { ...tinyModel, ...change }, train: { steps: 1 } })
              .model,
          ),
      ),
    ).toBeUndefined();
  });

  test.each([
    { numTrainTimesteps: 2 ** 53 },
    { numTrainTimesteps: 1e9 },
    { numTrainTimesteps: -1 },
    { trainedBetas: {} },
    { trainedBetas: ['x'] },
    { betaSchedule: {} },
    { clipSample: 'no' },
    { betaStart: [] },
    { clipSampleRange: {} },
  ])('a schedule that is none: %j', async (scheduler) => {
    expect(
      await outcome(() =>
        networkProcess(parseDdpmConfig({ data: { source: 'x', size: 8 }, scheduler, train: { steps: 1 } }).scheduler),
      ),
    ).toBeUndefined();
  });

  test('any value at any place: what passes builds a network', async () => {
    const whole = JSON.parse(
      JSON.stringify(parseDdpmConfig({ data: { source: 'x', size: 8 }, model: tinyModel, train: { steps: 1 } })),
    ) as unknown;
    await fc.assert(
      fc.asyncProperty(disturbed(whole), async (value) => {
        const config = await outcome(() => parseDdpmConfig(value));
        if (!config) return;
        await outcome(() => new UNet2DModel(config.model));
        await outcome(() => networkProcess(config.scheduler));
      }),
      { numRuns: 1000 },
    );
  }, 60_000);
});

describe('a run and its checkpoints', () => {
  const run = at('run');
  const checkpoint = join(run, 'checkpoints/step-000002');
  const ready = (async () => {
    const unet = new UNet2DModel({
      ...tinyModel,
      downBlockTypes: ['AttnDownBlock2D'],
      upBlockTypes: ['UpBlock2D'],
      blockOutChannels: [16],
    });
    for (const step of ['step-000001', 'step-000002']) {
      mkdirSync(join(run, 'checkpoints', step), { recursive: true });
      await writeModelFolder(join(run, 'checkpoints', step), {
        network: unet,
        weights: initialValues(unet, 0),
        scheduler: schedulerConfig({}),
      });
    }
    writeFileSync(join(run, 'latest'), 'step-000002\n');
    writeFileSync(
      join(run, 'run.json'),
      JSON.stringify({ format: 1, config: { train: { steps: 1 } }, data: { fingerprint: 'abc' } }),
    );
  })();

  test('latest with anything in it names a checkpoint that is there', async () => {
    await ready;
    const text = fc.oneof(
      fc.string(),
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom('step-000001', 'step-000009', '../step-000001', 'step-000002\0', 'step-1', 'step-000001\n\n'),
    );
    await fc.assert(
      fc.asyncProperty(text, async (content) => {
        writeFileSync(join(run, 'latest'), content);
        expect([1, 2]).toContain((await latestCheckpoint(run))!.step);
      }),
      { numRuns: 200 },
    );
  });

  test('run.json with bytes changed, or any JSON', async () => {
    await ready;
    const file = readFileSync(join(run, 'run.json'));
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          damage(file),
          fc.json().map((text) => Buffer.from(text)),
          fc.uint8Array({ maxLength: 50 }),
        ),
        async (bytes) => {
          writeFileSync(join(run, 'run.json'), bytes);
          await outcome(() => readRun(run));
        },
      ),
      { numRuns: 300 },
    );
  });

  const files = ['unet/config.json', 'scheduler/scheduler_config.json', 'model_index.json'];

  test.each(files)('%s with a whole page at any place: no message repeats it', async (name) => {
    await ready;
    const path = join(checkpoint, name);
    const text = readFileSync(path, 'utf8');
    const page = 'x'.repeat(5000);
    let refused = 0;
    for (const [key] of placesOf(JSON.parse(text))) {
      for (const value of [page, [page], { [page]: page }]) {
        writeFileSync(path, JSON.stringify({ ...JSON.parse(text), [key!]: value }));
        if ((await outcome(() => readModelFolder(checkpoint))) === undefined) refused++;
      }
    }
    writeFileSync(path, text);
    expect(refused).toBeGreaterThan(0);
  });

  test.each(files)(
    '%s with any value at any place',
    async (name) => {
      await ready;
      const path = join(checkpoint, name);
      const text = readFileSync(path, 'utf8');
      try {
        await fc.assert(
          fc.asyncProperty(disturbed(JSON.parse(text)), async (value) => {
            writeFileSync(path, JSON.stringify(value));
            await outcome(() => readModelFolder(checkpoint));
          }),
          { numRuns: 150 },
        );
      } finally {
        // The other tests read this checkpoint too.
        writeFileSync(path, text);
      }
    },
    60_000,
  );
});

describe('images of a folder', () => {
  const cacheDir = at('cache');

  /** What opening a folder with this one file does, and how much memory it took at most at its end. */
  async function open(name: string, bytes: Uint8Array): Promise<{ count: number | undefined; grown: number }> {
    const folder = mkdtempSync(at('images-'));
    writeFileSync(join(folder, name), bytes);
    const before = process.memoryUsage().rss;
    const dataset = await outcome(() => openDataset(folder, { size: 8, cacheDir }));
    const grown = process.memoryUsage().rss - before;
    rmSync(folder, { recursive: true });
    if (dataset) expect(dataset.images.at(0)).toHaveLength(192);
    return { count: dataset?.count, grown };
  }

  const image = sharp({
    create: {
      width: 24,
      height: 16,
      channels: 3,
      background: '#4af',
      noise: { type: 'gaussian', mean: 128, sigma: 40 },
    },
  });

  test.each(['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const)(
    'a %s with bytes changed, or cut short',
    async (format) => {
      const file = await image.clone().toFormat(format).toBuffer();
      await fc.assert(
        fc.asyncProperty(damage(file), async (bytes) => {
          await open(`x.${format}`, bytes);
        }),
        { numRuns: 40 },
      );
    },
    60_000,
  );

  const chunk = (type: string, data: Uint8Array): Buffer => {
    const head = Buffer.alloc(8);
    head.writeUInt32BE(data.length);
    head.write(type, 4, 'latin1');
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(Buffer.concat([head.subarray(4), data])));
    return Buffer.concat([head, data, crc]);
  };
  const crc32 = (bytes: Uint8Array): number => {
    let crc = 0xffffffff;
    for (const byte of bytes) {
      crc ^= byte;
      for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    }
    return (crc ^ 0xffffffff) >>> 0;
  };
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');
  const header = (width: number, height: number): Buffer => {
    const data = Buffer.alloc(13);
    data.writeUInt32BE(width);
    data.writeUInt32BE(height, 4);
    data.set([8, 2, 0, 0, 0], 8);
    return chunk('IHDR', data);
  };
  const svg = (text: string) =>
    Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" ${text}`);
  // Each <use> draws the one before it ten times: 10⁹ circles.
  const uses = Array.from(
    { length: 9 },
    (_, i) => `<g id="g${i + 1}">${`<use xlink:href="#g${i}"/>`.repeat(10)}</g>`,
  ).join('');
  const laughs = `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "ha">${Array.from({ length: 9 }, (_, i) => `<!ENTITY a${i + 1} "${`&a${i};`.repeat(10)}">`).join('')}]>`;

  const bombs: readonly [name: string, file: string, bytes: Uint8Array][] = [
    [
      'a PNG that claims 4 · 10⁹ pixels',
      'x.png',
      Buffer.concat([
        signature,
        header(65535, 65535),
        chunk('IDAT', deflateSync(Buffer.alloc(1000))),
        chunk('IEND', Buffer.alloc(0)),
      ]),
    ],
    [
      'a PNG that claims 4 · 10¹⁸ pixels',
      'x.png',
      Buffer.concat([
        signature,
        header(2 ** 31 - 1, 2 ** 31 - 1),
        chunk('IDAT', deflateSync(Buffer.alloc(1000))),
        chunk('IEND', Buffer.alloc(0)),
      ]),
    ],
    [
      'a GIF that claims 4 · 10⁹ pixels',
      'x.gif',
      Buffer.from(
        'GIF89a\xff\xff\xff\xff\x00\x00\x00,\x00\x00\x00\x00\xff\xff\xff\xff\x00\x02\x02D\x01\x00;',
        'latin1',
      ),
    ],
    [
      'an SVG of a billion pixels a side',
      'x.svg',
      svg('width="1000000000" height="1000000000"><rect width="9" height="9"/></svg>'),
    ],
    ['an SVG that is a line', 'x.svg', svg('width="1" height="30000000"><rect width="9" height="9"/></svg>')],
    [
      'an SVG almost without extent',
      'x.svg',
      svg('width="0.000001" height="0.000001"><rect width="9" height="9"/></svg>'),
    ],
    [
      'an SVG that draws itself 10⁹ times',
      'x.svg',
      svg(`width="10" height="10"><defs><circle id="g0" r="1"/>${uses}</defs><use xlink:href="#g9"/></svg>`),
    ],
    [
      'an SVG of entities that unfold to 10⁹ words',
      'x.svg',
      Buffer.concat([Buffer.from(laughs), svg('width="10" height="10"><text>&a9;</text></svg>')]),
    ],
    ['an SVG in a million groups', 'x.svg', svg(`width="10" height="10">${'<g>'.repeat(1_000_000)}`)],
  ];
  test.each(bombs)(
    '%s is no image, in little memory',
    async (_name, file, bytes) => {
      const { count, grown } = await open(file, bytes);
      expect(count).toBeUndefined();
      // What libvips itself takes to start, and its threads.
      expect(grown).toBeLessThan(150e6);
    },
    90_000,
  );

  test('a PNG whose text unfolds to 300 MB is read without unfolding it', async () => {
    const text = Buffer.concat([Buffer.from('Comment\0\0', 'latin1'), deflateSync(Buffer.alloc(300_000_000))]);
    const pixels = deflateSync(Buffer.alloc((24 * 3 + 1) * 16));
    const { grown } = await open(
      'x.png',
      Buffer.concat([
        signature,
        header(24, 16),
        chunk('zTXt', text),
        chunk('IDAT', pixels),
        chunk('IEND', Buffer.alloc(0)),
      ]),
    );
    expect(grown).toBeLessThan(150e6);
  }, 20_000);
});
