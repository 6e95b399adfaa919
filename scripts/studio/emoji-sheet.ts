/** Puts Noto's smileys next to the built studio: one sheet of 32 × 32 cells on white, and their names. */
import { readFileSync } from 'node:fs';
import type { Plugin } from 'vite';
import { encodePng } from '../../src/data/images/image.ts';
import { imagesAt, layGrid, openDataset } from '../../src/data/index.ts';
import { notoEmojiFolder, type EmojiIndex } from '../../src/data/sets/noto-emoji.ts';
import { join } from 'node:path';

/** Cells in a row of the sheet. */
const columns = 13;

/** Emits `smileys.png` and `smileys.json` ({ cell, columns, labels }). */
export function emojiSheet(): Plugin {
  return {
    name: 'emoji-sheet',
    async generateBundle() {
      const dataset = await openDataset('noto-emoji/smileys', { size: 32 });
      const images = imagesAt(
        dataset,
        Array.from({ length: dataset.count }, (_, i) => i),
      );
      const index = JSON.parse(readFileSync(join(notoEmojiFolder, 'emoji.json'), 'utf8')) as EmojiIndex;
      const labels = new Map(index.emoji.map(({ code, label }) => [code, label]));
      this.emitFile({
        type: 'asset',
        fileName: 'smileys.png',
        source: await encodePng(layGrid(images, { columns, gap: 0, scale: 1 })),
      });
      this.emitFile({
        type: 'asset',
        fileName: 'smileys.json',
        source: JSON.stringify({ cell: 32, columns, labels: dataset.ids.map((id) => labels.get(id) ?? id) }),
      });
    },
  };
}
