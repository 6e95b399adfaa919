import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { Bitmap } from './bitmap.ts';
import { traceIcon } from './trace-icon.ts';

/** A drawing, rendered black on white at so many pixels for each of its own. */
async function render(svg: string, side: number, scale = 1): Promise<Bitmap> {
  const data = await sharp(Buffer.from(svg.replaceAll('currentColor', '#000')), { density: 72 * scale })
    .resize(side * scale, side * scale)
    .flatten({ background: '#fff' })
    .toColourspace('b-w')
    .raw()
    .toBuffer();
  return { data: new Uint8Array(data), height: side * scale, width: side * scale, channels: 1 };
}

const drawing = (side: number, shape: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${side} ${side}" width="${side}" height="${side}">${shape}</svg>`;
/** What a trace takes, without the size that only rendering needs. */
const sized = (svg: string, side: number) => svg.replace('<svg', `<svg width="${side}" height="${side}"`);

/** The mean difference of two images in levels, 0 … 255. */
const apart = (a: Bitmap, b: Bitmap) =>
  a.data.reduce((sum, level, i) => sum + Math.abs(level - b.data[i]!), 0) / a.data.length;
const dark = ({ data }: Bitmap) => data.reduce((sum, level) => sum + (255 - level) / 255, 0);

const pen = 'fill="none" stroke="#000" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"';
const shapes: Record<string, string> = {
  disc: '<circle cx="12" cy="12" r="8"/>',
  ring: `<circle cx="12" cy="12" r="8" ${pen}/>`,
  square: '<rect x="5" y="5" width="14" height="14"/>',
  stroke: `<path d="M4 18 L20 6" ${pen}/>`,
  'curved stroke': `<path d="M4 16 C8 2 16 22 20 8" ${pen}/>`,
};

describe.each(Object.entries(shapes))('a trace of a %s', (_, shape) => {
  test.each([24, 48, 96])('looks as it did, at %i pixels', async (side) => {
    const scaled = `<g transform="scale(${side / 24})">${shape}</g>`;
    const image = await render(drawing(side, scaled), side);
    const svg = traceIcon(image);
    expect(svg).toContain(`viewBox="0 0 ${side} ${side}" fill="currentColor"`);
    expect(svg.length).toBeLessThan(2000);
    // A blank page is 19 levels and more apart, the shape moved by a tenth of a pixel 2 to 4.
    expect(apart(await render(sized(svg, side), side), image)).toBeLessThan(2.5);
  });

  test('from 24 pixels is what the shape is at eight times the size: curves, not steps', async () => {
    const svg = traceIcon(await render(drawing(24, shape), 24));
    const [large, expected] = [await render(sized(svg, 24), 24, 8), await render(drawing(24, shape), 24, 8)];
    // Black and white pixels as squares are 4.5 to 9 apart, but of the square, which has no curve.
    expect(apart(large, expected)).toBeLessThan(2.5);
    expect(Math.abs(dark(large) / dark(expected) - 1)).toBeLessThan(0.04);
  });
});

test('a circle is a few curves', async () => {
  const svg = traceIcon(await render(drawing(24, shapes['disc']!), 24));
  expect(svg.match(/[lc]/g)!.length).toBeLessThan(20);
  expect(svg.length).toBeLessThan(600);
});

test('color is traced by its brightness', async () => {
  const gray = await render(drawing(24, shapes['disc']!), 24);
  const color: Bitmap = {
    ...gray,
    channels: 3,
    data: Uint8Array.from({ length: 3 * 576 }, (_, i) => gray.data[Math.floor(i / 3)]!),
  };
  expect(traceIcon(color)).toBe(traceIcon(gray));
});

test('an empty image is an empty drawing, and a single gray pixel is nothing', () => {
  const white: Bitmap = { data: new Uint8Array(576).fill(255), height: 24, width: 24, channels: 1 };
  const empty = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="currentColor"></svg>\n';
  expect(traceIcon(white)).toBe(empty);
  white.data[300] = 120;
  expect(traceIcon(white)).toBe(empty);
});

test('a black image is drawn to its edges', async () => {
  const black: Bitmap = { data: new Uint8Array(576), height: 24, width: 24, channels: 1 };
  expect(dark(await render(sized(traceIcon(black), 24), 24))).toBeGreaterThan(0.97 * 576);
});

test('noise ends, at a drawing as coarse as it takes', () => {
  let seed = 1;
  const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) >>> 24;
  const noise: Bitmap = { data: Uint8Array.from({ length: 2304 }, random), height: 48, width: 48, channels: 1 };
  expect(traceIcon(noise)).toMatch(/^<svg [^>]*><path fill-rule="evenodd" d="[-Mlcz\d. ]+"\/><\/svg>\n$/);
});

test('what is too small to be an icon is refused', () => {
  expect(() => traceIcon({ data: new Uint8Array(16), height: 4, width: 4, channels: 1 })).toThrow(
    'traceIcon: expected an icon of 8 × 8 pixels or more, got 4 × 4',
  );
});
