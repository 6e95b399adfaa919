import { loadSharp } from '../images/load-sharp.ts';
import type { IconSource } from './icon-sets.ts';

/** The SVG of an icon, black, `size` pixels high and wide. */
export function iconSvg({ body, viewBox }: IconSource, size: number): string {
  const xlink = body.includes('xlink:') ? ' xmlns:xlink="http://www.w3.org/1999/xlink"' : '';
  const box = viewBox.join(' ');
  return `<svg xmlns="http://www.w3.org/2000/svg"${xlink} width="${size}" height="${size}" viewBox="${box}" color="black">${body}</svg>`;
}

/**
 * An icon's pixels: black on white, anti-aliased, one channel.
 *
 * @returns size · size bytes, row by row
 * @throws what the renderer says of an SVG that is none
 */
export async function renderIcon(icon: IconSource, size: number): Promise<Uint8Array> {
  const sharp = await loadSharp();
  const { data } = await sharp(Buffer.from(iconSvg(icon, size)))
    .resize(size, size, { fit: 'contain', background: '#fff' })
    .flatten({ background: '#fff' })
    .greyscale()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return data;
}
