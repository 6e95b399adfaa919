import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { encodeGif } from './animation.ts';
import { renderFigure, textWidth } from './figure.ts';
import { layGrid } from './grid.ts';
import type { Bitmap } from '../images/bitmap.ts';
import { plotMarks } from './plot.ts';
import { renderTerminal, xtermColor } from './terminal.ts';

const flat = (color: readonly number[], width = 2, height = 2): Bitmap => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => color[i % 3]!),
  width,
  height,
  channels: 3,
});
const red = flat([255, 0, 0]);
const blue = flat([0, 0, 255]);
const at = ({ data, width }: Bitmap, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

describe('layGrid', () => {
  it('lays images row by row, about as many columns as rows', () => {
    const grid = layGrid([red, blue, red, blue, red], { gap: 1, scale: 1 });
    expect(grid).toMatchObject({ width: 10, height: 7, channels: 3 });
    expect([at(grid, 1, 1), at(grid, 4, 1), at(grid, 7, 1), at(grid, 1, 4), at(grid, 4, 4)]).toEqual([
      [255, 0, 0],
      [0, 0, 255],
      [255, 0, 0],
      [0, 0, 255],
      [255, 0, 0],
    ]);
    expect(at(grid, 0, 0)).toEqual(at(grid, 8, 5));
  });

  it('enlarges small images by itself and leaves large ones', () => {
    expect(layGrid([red])).toMatchObject({ width: 16, height: 16 });
    expect(layGrid(Array.from({ length: 9 }, () => flat([0, 0, 0], 500, 500)))).toMatchObject({
      width: 1508,
      height: 1508,
    });
  });

  it('names what does not fit', () => {
    expect(() => layGrid([])).toThrow('grid: no images');
    expect(() => layGrid([red, flat([0, 0, 0], 3, 3)])).toThrow('grid: image 1 is 3×3, the first is 2×2');
    expect(() => layGrid([red], { scale: 20_000 })).toThrow('make a sheet of 40000×40000 pixels, at most 32768 fit');
  });
});

describe('encodeGif', () => {
  it('keeps every frame with its delay, also those that are alike', async () => {
    const gif = await encodeGif([red, red, blue], { delay: 50, lastDelay: 900 });
    expect(await sharp(gif, { animated: true }).metadata()).toMatchObject({
      format: 'gif',
      pages: 3,
      pageHeight: 2,
      width: 2,
      delay: [50, 50, 900],
      loop: 0,
    });
    const last = await sharp(gif, { page: 2 }).removeAlpha().raw().toBuffer();
    expect([...last.subarray(0, 3)]).toEqual([0, 0, 255]);
  });

  it('names what is no animation', async () => {
    await expect(encodeGif([])).rejects.toThrow('gif: no frames');
    await expect(encodeGif([red, flat([0, 0, 0], 3, 3)])).rejects.toThrow('gif: frame 1 is 3×3, the first is 2×2');
  });
});

describe('renderTerminal', () => {
  // eslint-disable-next-line no-control-regex -- what a terminal does not show are control sequences
  const visible = (text: string): string[] => text.replaceAll(/\u001b\[[\d;]*m/g, '').split('\n');

  it('shows two rows of pixels in a line of half blocks', () => {
    expect(renderTerminal([red])).toBe('\u001b[38;2;255;0;0m\u001b[48;2;255;0;0m▀▀\u001b[0m');
    expect(renderTerminal([red], { colors: '256' })).toBe('\u001b[38;5;196m\u001b[48;5;196m▀▀\u001b[0m');
  });

  it('fits images side by side into the columns, and goes on below when there are many', () => {
    for (const columns of [20, 40, 80, 200]) {
      for (const count of [1, 2, 5, 30]) {
        const lines = visible(
          renderTerminal(
            Array.from({ length: count }, () => flat([9, 9, 9], 32, 32)),
            { columns },
          ),
        );
        for (const line of lines) expect(line.length).toBeLessThanOrEqual(columns);
        expect(lines.join('').length).toBeGreaterThan(0);
      }
    }
    expect(visible(renderTerminal([red, blue], { columns: 80 }))).toEqual(['▀▀ ▀▀']);
    expect(renderTerminal([])).toBe('');
  });

  it('keeps the mean color when it shrinks', () => {
    const stripes = {
      data: Uint8Array.from({ length: 64 * 64 }, (_, i) => (i % 2) * 200),
      width: 64,
      height: 64,
      channels: 1,
    } as const;
    expect(renderTerminal([stripes], { columns: 32 })).toContain('38;2;100;100;100');
  });

  it('finds the nearest of the 256 colors', () => {
    expect(
      [
        [0, 0, 0],
        [255, 255, 255],
        [255, 0, 0],
        [128, 128, 128],
        [95, 135, 175],
      ].map((color) => xtermColor(color as [number, number, number])),
    ).toEqual([16, 231, 196, 244, 67]);
  });
});

describe('renderFigure', () => {
  it('puts an image, enlarged, exactly where it was asked for', async () => {
    const figure = await renderFigure({
      width: 20,
      height: 10,
      marks: [{ kind: 'image', at: [4, 2], image: red, width: 4 }],
    });
    expect(figure).toMatchObject({ width: 40, height: 20, channels: 3 });
    expect([at(figure, 7, 4), at(figure, 8, 4), at(figure, 15, 11), at(figure, 16, 11)]).toEqual([
      [255, 255, 255],
      [255, 0, 0],
      [255, 0, 0],
      [255, 255, 255],
    ]);
  });

  it('draws text without any font of the system', async () => {
    const text = 'xₜ = √ᾱₜ x₀';
    const figure = await renderFigure({ width: 120, height: 20, marks: [{ kind: 'text', at: [4, 15], text }] });
    const dark = Array.from({ length: 240 }, (_, x) =>
      Array.from({ length: 40 }, (_row, y) => at(figure, x, y)[0]!).some((value) => value < 100),
    );
    const last = dark.lastIndexOf(true) / 2;
    expect(last).toBeGreaterThan(textWidth(text) - 6);
    expect(last).toBeLessThan(textWidth(text) + 5);
  });

  it('shows a box for a character it has no outline of', async () => {
    expect(textWidth('漢')).toBe(textWidth('字'));
    await renderFigure({ width: 50, height: 20, marks: [{ kind: 'text', at: [0, 15], text: '漢 <&"' }] });
  });

  it('refuses what would break the drawing', async () => {
    const draw = async (mark: Parameters<typeof renderFigure>[0]['marks'][number]) =>
      renderFigure({ width: 10, height: 10, marks: [mark] });
    await expect(draw({ kind: 'dot', at: [Number.NaN, 1] })).rejects.toThrow('figure: a coordinate is NaN');
    await expect(draw({ kind: 'box', at: [0, 0], width: 1, height: 1, fill: '"><script' })).rejects.toThrow(
      'figure: not a color',
    );
    await expect(draw({ kind: 'image', at: [9, 0], image: red })).rejects.toThrow('does not lie inside 20×20');
  });
});

describe('plotMarks', () => {
  it('maps the corners of its domain to the corners of its area', () => {
    const points = [
      [0, 0],
      [10, 5],
    ] as const;
    const marks = plotMarks({
      at: [100, 50],
      width: 200,
      height: 80,
      title: 'line',
      x: { domain: [0, 10], ticks: [] },
      y: { domain: [0, 5], ticks: [] },
      series: [{ label: 's', color: '#000', points }],
    });
    expect(marks.find((mark) => mark.kind === 'line')).toMatchObject({
      points: [
        [100, 130],
        [300, 50],
      ],
    });
  });
});
