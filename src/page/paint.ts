/** Images on a canvas, a pixel for a pixel; the style enlarges it. */
import type { Reel, Rgba } from './reel.ts';

/** Bitmap between images. */
export const gap = 1;

/** Images in a row: as square as can be. */
function columnsOf(count: number): number {
  return Math.ceil(Math.sqrt(count));
}

/** Paints one kind of state of all images as they were after a step; what is not known yet stays open. */
export function paint(canvas: HTMLCanvasElement, reel: Reel, step: number, kind: 'xt' | 'x0'): void {
  const [, height, width] = reel.imageShape;
  const columns = columnsOf(reel.count);
  const [w, h] = [columns * (width + gap) - gap, Math.ceil(reel.count / columns) * (height + gap) - gap];
  if (canvas.width !== w || canvas.height !== h) {
    canvas.width = w;
    canvas.height = h;
    canvas.style.aspectRatio = `${w} / ${h}`;
  }
  const context = canvas.getContext('2d')!;
  context.clearRect(0, 0, w, h);
  for (let i = 0; i < reel.count; i++) {
    const pixels: Rgba | undefined = reel[kind](i, step);
    if (pixels)
      context.putImageData(
        new ImageData(pixels, width, height),
        (i % columns) * (width + gap),
        Math.floor(i / columns) * (height + gap),
      );
  }
}

/** Enlarged images are wide at least this, if their pixels are repeated. */
const usefulSide = 1024;

/** The canvas as a PNG, every pixel repeated until it fills a screen. */
export function toPng(canvas: HTMLCanvasElement): Promise<Blob> {
  const scale = Math.max(1, Math.floor(usefulSide / Math.max(canvas.width, canvas.height)));
  const large = document.createElement('canvas');
  large.width = canvas.width * scale;
  large.height = canvas.height * scale;
  const context = large.getContext('2d')!;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, large.width, large.height);
  return new Promise((resolve, reject) => {
    large.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the browser made no PNG'))), 'image/png');
  });
}
