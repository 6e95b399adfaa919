/**
 * Lays rows of cells out in columns: the first to the left, the others to the right, two blanks between.
 *
 * @param rows  the first is the heading
 */
export function layTable(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** A number with as many decimals as its size needs to have three digits; nothing for 0, `–` for one that is not known. */
export function digits(value: number): string {
  if (value === 0) return '';
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.01 ? 2 : 3);
}

export function percent(fraction: number): string {
  if (fraction === 0) return '';
  return Number.isFinite(fraction) ? `${(100 * fraction).toFixed(fraction < 0.0995 ? 1 : 0)} %` : '–';
}
