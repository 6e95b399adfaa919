import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeImage, encodePng, ImageError, readImage } from './image.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kuosan-image-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** 40×20: red on the left half, blue on the right. */
function halves() {
  const data = Buffer.alloc(40 * 20 * 3);
  for (let i = 0; i < 800; i++) data[i * 3 + (i % 40 < 20 ? 0 : 2)] = 255;
  return sharp(data, { raw: { width: 40, height: 20, channels: 3 } });
}

const pixelAt = (image: { data: Uint8Array; width: number; channels: number }, x: number, y: number): number[] => [
  ...image.data.subarray((y * image.width + x) * image.channels, (y * image.width + x + 1) * image.channels),
];

describe('decodeImage', () => {
  it.each(['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff'] as const)('reads %s', async (format) => {
    const image = await decodeImage(await halves().toFormat(format).toBuffer(), { size: 10 });
    expect(image).toMatchObject({ width: 10, height: 10, channels: 3 });
    const [red, green, blue] = pixelAt(image, 1, 5);
    expect(red).toBeGreaterThan(230);
    expect(green! + blue!).toBeLessThan(50);
  });

  it('cuts the middle out of a wide image, pads it with white, or stretches it', async () => {
    const bytes = await halves().png().toBuffer();
    const corner = async (crop: 'center' | 'pad' | 'stretch') =>
      pixelAt(await decodeImage(bytes, { size: 20, crop }), 0, 0);
    expect(await corner('center')).toEqual([255, 0, 0]);
    expect(await corner('stretch')).toEqual([255, 0, 0]);
    expect(await corner('pad')).toEqual([255, 255, 255]);
    // 60 wide with a green stripe on each side, which the middle square does not reach.
    const striped = await sharp(bytes).extend({ left: 10, right: 10, background: '#0f0' }).png().toBuffer();
    expect(pixelAt(await decodeImage(striped, { size: 20, crop: 'center' }), 0, 0)).toEqual([255, 0, 0]);
    expect(pixelAt(await decodeImage(striped, { size: 20, crop: 'stretch' }), 0, 0)).toEqual([0, 255, 0]);
  });

  it('makes images that are wider than high, or higher than wide', async () => {
    const bytes = await halves().png().toBuffer();
    expect(await decodeImage(bytes, { size: [20, 40] })).toEqual({
      ...(await decodeImage(bytes, { size: [20, 40], crop: 'stretch' })),
      height: 20,
      width: 40,
    });
    // 40×20 in 8×16 (width 8) is 16 rows of 32 columns, of which the middle 8 stay: red, then blue.
    const high = await decodeImage(bytes, { size: [16, 8] });
    expect(high).toMatchObject({ height: 16, width: 8 });
    expect([pixelAt(high, 0, 3), pixelAt(high, 7, 12)]).toEqual([
      [255, 0, 0],
      [0, 0, 255],
    ]);
    const padded = await decodeImage(bytes, { size: [16, 8], crop: 'pad' });
    expect([pixelAt(padded, 0, 0), pixelAt(padded, 0, 8)]).toEqual([
      [255, 255, 255],
      [255, 0, 0],
    ]);
    const drawing = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="2"><rect width="2" height="2" fill="red"/></svg>',
    );
    const drawn = await decodeImage(drawing, { size: [20, 40] });
    // Drawn at that size and not enlarged: the edge is sharp.
    expect([pixelAt(drawn, 18, 10), pixelAt(drawn, 21, 10)]).toEqual([
      [255, 0, 0],
      [255, 255, 255],
    ]);
  });

  it('puts transparency on white', async () => {
    const bytes = await sharp({
      create: { width: 4, height: 4, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } },
    })
      .png()
      .toBuffer();
    expect([...(await decodeImage(bytes, { size: 2 })).data]).toEqual(Array.from({ length: 12 }, () => 255));
  });

  it('turns a photo upright by its EXIF orientation', async () => {
    // Orientation 3 is upside down: what is stored on the left is seen on the right.
    const bytes = await halves().withMetadata({ orientation: 3 }).jpeg().toBuffer();
    expect(pixelAt(await decodeImage(bytes, { size: 10 }), 1, 5)[2]).toBeGreaterThan(200);
  });

  it('gives gray when asked, from colors and 16 bits alike', async () => {
    const image = await decodeImage(await halves().toColourspace('rgb16').png().toBuffer(), { size: 4, channels: 1 });
    expect(image.data).toHaveLength(16);
    const gray = await decodeImage(await halves().grayscale().png().toBuffer(), { size: 4 });
    expect(gray.data).toHaveLength(48);
  });

  it('draws a small SVG sharply at a large size', async () => {
    const svg = Buffer.from(
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="2" height="4" fill="black"/></svg>',
    );
    const image = await decodeImage(svg, { size: 64, channels: 1 });
    expect(pixelAt(image, 29, 5)).toEqual([0]);
    expect(pixelAt(image, 34, 5)).toEqual([255]);
  });

  it('says what is wrong with a bad image', async () => {
    const noise = Buffer.from(Array.from({ length: 30_000 }, (_, i) => ((i * 2654435761) >>> 13) & 255));
    const source = () => sharp(noise, { raw: { width: 100, height: 100, channels: 3 } });
    await expect(decodeImage(Buffer.alloc(0), { size: 8 })).rejects.toThrow('empty file');
    await expect(decodeImage(Buffer.from('hello, I am a photo'), { size: 8 })).rejects.toThrow(
      'not an image that can be read',
    );
    for (const format of ['png', 'jpeg', 'webp', 'gif', 'avif'] as const) {
      const whole = await source().toFormat(format).toBuffer();
      for (const part of [0.5, 0.999]) {
        await expect(
          decodeImage(whole.subarray(0, Math.floor(whole.length * part)), { size: 8 }),
          `${format} cut at ${part}`,
        ).rejects.toThrow(/truncated or damaged \(.+\)$/);
      }
    }
  });

  it('refuses an image that claims to be huge', async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="30000" height="30000"></svg>');
    await expect(decodeImage(svg, { size: 8 })).rejects.toThrow('more than 200 megapixels');
  });

  it('answers random bytes with an error, with or without the start of a real format', async () => {
    const starts = [
      '',
      '\x89PNG\r\n\x1a\n',
      '\xff\xd8\xff\xe0',
      'GIF89a',
      'RIFF\x10\0\0\0WEBPVP8 ',
      '<svg ',
      '\0\0\0\x20ftypavif',
    ].map((text) => Buffer.from(text, 'latin1'));
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 300 }), async (start, tail) => {
        await expect(decodeImage(Buffer.concat([start, tail]), { size: 8 })).rejects.toThrow(ImageError);
      }),
      { numRuns: 150 },
    );
  }, 30_000);

  it('never crashes on a real image with damaged bytes', async () => {
    for (const format of ['png', 'jpeg', 'webp', 'gif'] as const) {
      const whole = await halves().toFormat(format).toBuffer();
      await fc.assert(
        fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(255), async (at, byte) => {
          const damaged = Buffer.from(whole);
          damaged[at] = byte;
          const result = await decodeImage(damaged, { size: 8 }).catch((error: unknown) => error);
          if (result instanceof Error) expect(result).toBeInstanceOf(ImageError);
          else expect((result as { data: Uint8Array }).data).toHaveLength(192);
        }),
        { numRuns: 30 },
      );
    }
  }, 30_000);
});

/** An uncompressed little-endian TIFF of one row of 8 pixels, as NumPy's writers and Pillow make it. @see TIFF 6.0, sections 8 and 19 */
function tiff(
  bits: number,
  sampleFormat: number,
  write: (view: DataView, offset: number, share: number) => void,
  photometric = 1,
  samples = 1,
): Buffer {
  const width = 8;
  const tags: (readonly [tag: number, type: 3 | 4, count: number, value: number])[] = [
    [256, 4, 1, width],
    [257, 4, 1, 1],
    [258, 3, 1, bits],
    [259, 3, 1, 1],
    [262, 3, 1, photometric],
    [273, 4, 1, 0],
    [277, 3, 1, samples],
    [278, 4, 1, 1],
    [279, 4, 1, (width * samples * bits) / 8],
    [339, 3, 1, sampleFormat],
  ];
  const start = 8 + 2 + 12 * tags.length + 4;
  const data = new DataView(new ArrayBuffer(start + (width * samples * bits) / 8));
  data.setUint32(0, 0x49492a00);
  data.setUint32(4, 8, true);
  data.setUint16(8, tags.length, true);
  for (const [i, [tag, type, count, value]] of tags.entries()) {
    const at = 10 + 12 * i;
    data.setUint16(at, tag, true);
    data.setUint16(at + 2, type, true);
    data.setUint32(at + 4, count, true);
    if (type === 3) data.setUint16(at + 8, value, true);
    else data.setUint32(at + 8, tag === 273 ? start : value, true);
  }
  for (let i = 0; i < width * samples; i++) write(data, start + (i * bits) / 8, i / (width * samples - 1));
  return Buffer.from(data.buffer);
}

describe('a TIFF', () => {
  const gray = async (file: Buffer) => [...(await decodeImage(file, { size: [1, 8], channels: 1 })).data];
  const ramp = Array.from({ length: 8 }, (_, i) => Math.round((255 * i) / 7));

  it('of 8 or 16 bits is what it shows', async () => {
    expect(
      await gray(
        tiff(8, 1, (view, at, share) => {
          view.setUint8(at, Math.round(255 * share));
        }),
      ),
    ).toEqual(ramp);
    const wide = await gray(
      tiff(16, 1, (view, at, share) => {
        view.setUint16(at, Math.round(65_535 * share), true);
      }),
    );
    // libvips takes the upper byte.
    wide.forEach((level, i) => expect(Math.abs(level - ramp[i]!)).toBeLessThanOrEqual(1));
  });

  it.each<readonly [what: string, file: Buffer]>([
    [
      'floating-point numbers',
      tiff(32, 3, (view, at, share) => {
        view.setFloat32(at, share, true);
      }),
    ],
    [
      'floating-point numbers',
      tiff(32, 3, (view, at, share) => {
        view.setFloat32(at, 2 * share - 1, true);
      }),
    ],
    [
      'floating-point numbers',
      tiff(16, 3, (view, at, share) => {
        view.setUint16(at, share === 0 ? 0 : 0x3800, true);
      }),
    ],
    [
      'numbers of more than 32 bits',
      tiff(64, 3, (view, at, share) => {
        view.setFloat64(at, share, true);
      }),
    ],
    [
      '32-bit integers',
      tiff(32, 1, (view, at, share) => {
        view.setUint32(at, (2 ** 32 - 1) * share, true);
      }),
    ],
    [
      'signed 32-bit integers',
      tiff(32, 2, (view, at, share) => {
        view.setInt32(at, 65_535 * share, true);
      }),
    ],
    [
      'signed 16-bit integers',
      tiff(16, 2, (view, at, share) => {
        view.setInt16(at, 32_767 * share, true);
      }),
    ],
    [
      'signed 8-bit integers',
      tiff(8, 2, (view, at, share) => {
        view.setInt8(at, 127 * share);
      }),
    ],
  ])('of %s is refused, for its black and white are anywhere', async (what, file) => {
    await expect(gray(file)).rejects.toThrow(
      new ImageError(`holds ${what}, with an unknown range; save it with 8 or 16 bits`),
    );
  });

  it('of CIELAB colors, as Pillow writes it, is not called damaged', async () => {
    await expect(
      gray(
        tiff(
          8,
          1,
          (view, at) => {
            view.setUint8(at, 100);
          },
          8,
          3,
        ),
      ),
    ).rejects.toThrow(new ImageError('holds CIELAB colors; save it as RGB'));
  });
});

describe('readImage', () => {
  it('names the file that is missing or no image', async () => {
    await writeFile(join(folder, 'fake.png'), 'not an image');
    await expect(readImage(join(folder, 'none.png'), { size: 8 })).rejects.toThrow(
      /^cannot read ".*none\.png": it does not exist/,
    );
    await expect(readImage(join(folder, 'fake.png'), { size: 8 })).rejects.toThrow(
      /^cannot read ".*fake\.png": not an image that can be read; give a PNG/,
    );
  });
});

describe('encodePng', () => {
  it.each([1, 3, 4] as const)('keeps every byte of an image with %i channels', async (channels) => {
    const data = Uint8Array.from({ length: 6 * channels }, (_, i) => i * 9 + 5);
    const png = sharp(await encodePng({ data, width: 3, height: 2, channels }));
    expect(await png.metadata()).toMatchObject({ format: 'png', channels });
    const { data: back, info } = await png
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 3, height: 2, channels });
    expect([...back]).toEqual([...data]);
  });
});
