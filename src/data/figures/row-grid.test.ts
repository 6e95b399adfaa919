import { expect, test } from 'vitest';
import { layRows, rowLayout } from './row-grid.ts';

const icons = { images: 4, width: 24, height: 24, titleWidth: 150 };

test('few rows stand in one column, as large as whole pixels allow', () => {
  expect(rowLayout({ ...icons, rows: 2 })).toMatchObject({
    columns: 1,
    perColumn: 2,
    scale: 8,
    width: 798,
    height: 468,
  });
  // A title needs its room where a row has one small image.
  expect(rowLayout({ ...icons, images: 1, rows: 2, titleWidth: 900 })).toMatchObject({ columns: 1, width: 344 });
});

test('many rows stand in the columns that let their images be largest', () => {
  // 15 · (24 + 48 + 12) + 12 high; 4 · (4 · 48 + 3 · 2 + 12) + 12 wide.
  expect(rowLayout({ ...icons, rows: 60 })).toEqual({
    columns: 4,
    perColumn: 15,
    scale: 2,
    inner: 198,
    rowHeight: 84,
    width: 852,
    height: 1272,
  });
  const emoji = { images: 4, width: 64, height: 64, titleWidth: 220, rows: 60 };
  expect(rowLayout(emoji)).toMatchObject({ columns: 5, perColumn: 12, scale: 1, inner: 262, width: 1382 });
  // A column that would stay empty is none.
  expect(
    rowLayout({ ...icons, rows: 61 }).columns * rowLayout({ ...icons, rows: 61 }).perColumn,
  ).toBeGreaterThanOrEqual(61);
});

test('the longer side of a sheet that is too large is as short as can be', () => {
  const large = rowLayout({ rows: 40, images: 2, width: 256, height: 256, titleWidth: 100 });
  expect(large).toMatchObject({ scale: 1, columns: 5, perColumn: 8 });
});

test('rows go down a column, then the next', async () => {
  const image = (value: number) =>
    ({ data: new Uint8Array(576).fill(value), width: 24, height: 24, channels: 1 }) as const;
  const rows = Array.from({ length: 60 }, (_, i) => ({ title: `row ${i}`, images: Array(4).fill(image(4 * i)) }));
  const { columns, perColumn, inner, rowHeight, width, height } = rowLayout({
    rows: 60,
    images: 4,
    width: 24,
    height: 24,
    titleWidth: 60,
  });
  expect(columns).toBe(4);
  const sheet = await layRows(rows);
  expect(sheet).toMatchObject({ width, height, channels: 3 });
  const at = (row: number) => {
    const x = 12 + Math.floor(row / perColumn) * (inner + 12);
    const y = 12 + (row % perColumn) * rowHeight + 24;
    return sheet.data[(y * sheet.width + x) * 3];
  };
  expect([0, 14, 15, 59].map(at)).toEqual([0, 56, 60, 236]);
});
