/** Rows of texts as lines, each column as wide as its widest text; the last one is cut to what is left of the width. */
export function columns(
  rows: readonly (readonly string[])[],
  width: number = process.stdout.columns ?? Infinity,
): string[] {
  const widths = rows.reduce<number[]>((most, row) => row.map((text, i) => Math.max(most[i] ?? 0, text.length)), []);
  return rows.map((row) => {
    const line = row.map((text, i) => (i === row.length - 1 ? text : text.padEnd(widths[i]!))).join('  ');
    return (line.length > width ? `${line.slice(0, Math.max(1, width - 1))}…` : line).trimEnd();
  });
}

/** `5.5 MB`. */
export function sizeText(bytes: number): string {
  const units = ['bytes', 'kB', 'MB', 'GB', 'TB'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** `2026-11-30`, by universal time; empty for what was packed without a date, as npm packs. */
export function dateText(milliseconds: number): string {
  const date = new Date(milliseconds).toISOString().slice(0, 10);
  return date < '2000' ? '' : date;
}
