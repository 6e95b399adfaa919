/** Calls of a CLIP that share batches: each is answered what it would be alone. */
import type { ClipAnswer, ClipCall } from './messages.ts';

/** Calls whose keys are equal may share a batch: what differs is in their images, and in the texts that they embed. */
export function clipKey(model: string, call: ClipCall): string {
  return JSON.stringify(
    call.task === 'classify' ? [model, call.labels, call.templates ?? null, call.top ?? null] : [model],
  );
}

/** Images and texts to compute for a call. */
export function clipSize(call: ClipCall): number {
  return call.images.length + (call.task === 'embed' ? call.texts.length : 0);
}

/** Calls of one key as one. */
export function mergedCall(calls: readonly ClipCall[]): ClipCall {
  const images = calls.flatMap((call) => call.images);
  const [first] = calls;
  if (first!.task === 'classify') return { ...first!, images };
  return { task: 'embed', images, texts: calls.flatMap((call) => (call.task === 'embed' ? call.texts : [])) };
}

/** The answer of each call, of the one for all. */
export function splitAnswer({ labels, embeddings }: ClipAnswer, calls: readonly ClipCall[]): ClipAnswer[] {
  let [image, text] = [0, calls.reduce((sum, call) => sum + call.images.length, 0)];
  return calls.map((call) => {
    const images = [image, (image += call.images.length)] as const;
    if (call.task === 'classify') return { labels: labels!.slice(...images) };
    const texts = [text, (text += call.texts.length)] as const;
    return { embeddings: [...embeddings!.slice(...images), ...embeddings!.slice(...texts)] };
  });
}
