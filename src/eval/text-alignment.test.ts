import { describe, expect, test } from 'vitest';
import { captionsOf, fromBitmaps, imagesAt, openDataset } from '../data/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { openAlignmentMeter } from './text-alignment.ts';

describe('CLIP R-precision', () => {
  test('is high under the right prompts and at chance under those of others', async () => {
    const data = await openDataset('noto-emoji/smileys', { size: 32 });
    const captions = captionsOf(data);
    const executor = createNodeExecutor();
    const meter = await openAlignmentMeter(executor, 'emoji-clip', { imageShape: [3, 32, 32], candidates: captions });
    expect(meter.candidates).toBe(new Set(captions).size);
    const places = Array.from({ length: 60 }, (_, i) => i);
    const images = fromBitmaps(imagesAt(data, places));

    // emoji-clip was trained on these images.
    await meter.add(images, captions.slice(0, 60));
    const right = meter.take();
    expect(right.count).toBe(60);
    expect(right.top1).toBeGreaterThan(0.7);
    expect(right.top5).toBeGreaterThan(0.9);

    await meter.add(images, captions.slice(60, 120));
    const wrong = meter.take();
    expect(wrong.count).toBe(60);
    expect(wrong.top1).toBeLessThan(0.05);
    expect(wrong.clipScore).toBeLessThan(right.clipScore);

    await expect(
      meter.add(
        images,
        captions.slice(0, 60).map((text) => `${text} that nobody wrote`),
      ),
    ).rejects.toThrow('is not among the candidates');
    await meter.dispose();
    await expect(
      openAlignmentMeter(executor, 'emoji-clip', { imageShape: [3, 32, 32], candidates: ['sun', 'sun'] }),
    ).rejects.toThrow("an image's prompt is found among two or more, got 1");
    await executor.dispose();
  }, 60_000);
});
