/** Generated images as the files that clients get. */
import type { Bitmap } from '../../data/index.ts';
import { loadSharp } from '../../data/images/load-sharp.ts';
import type { ImageEncoding } from './messages.ts';

/** The bytes of an image file; another size is reached by Lanczos's kernel. */
export async function encodeImage(
  { data, width, height, channels }: Bitmap,
  { format, quality, size }: ImageEncoding,
): Promise<Uint8Array> {
  const image = (await loadSharp())(data, { raw: { width, height, channels } });
  if (size) image.resize(size[0], size[1], { fit: 'fill', kernel: 'lanczos3' });
  image.toColourspace(channels === 1 ? 'b-w' : 'srgb');
  // Every file of the same pixels has the same bytes.
  if (format === 'png') return image.png({ compressionLevel: 9, adaptiveFiltering: true }).toBuffer();
  return image.toFormat(format, quality === undefined ? {} : { quality: Math.max(1, quality) }).toBuffer();
}
