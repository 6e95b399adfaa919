/** Images shown in the terminal. */
import { renderTerminal, type Bitmap } from '../data/index.ts';

/** As many columns and colors as the terminal has; nothing where colors are not wanted (https://no-color.org). */
export function inTerminal(images: readonly Bitmap[]): string[] {
  if (process.env['NO_COLOR']) return [];
  const colors = /truecolor|24bit/.test(process.env['COLORTERM'] ?? '') || !process.stderr.isTTY ? 'true-color' : '256';
  return renderTerminal(images, { columns: Math.min(process.stderr.columns ?? 80, 136), colors })
    .split('\n')
    .filter((line) => line !== '');
}
