/** Samples that the server makes, for models that are too large for a browser. */
import { askServer } from './server.ts';

/** What a model on the server takes. */
export interface ServedFacts {
  readonly name: string;
  readonly takes: { readonly text?: { readonly required?: boolean }; readonly classes?: { readonly count: number } };
  readonly device: string;
}

/** What is asked of the server. */
export interface ServerSampling {
  readonly model: string;
  readonly sampler: string;
  readonly steps: number;
  readonly seed: number;
  /** Of a model of text to image. */
  readonly prompt?: string | undefined;
  readonly signal: AbortSignal;
}

/** An image on the way, or at its end. */
export interface ServerFrame {
  /** A PNG, as an address that an image can have. */
  readonly url: string;
  /** x̂_0 after a step, or the image that the sampler has ended at. */
  readonly kind: 'preview' | 'image';
  /** The share of the steps that are done. */
  readonly share: number;
}

/** The server makes at most so many previews of an image. */
const mostPreviews = 100;

/**
 * What the server knows of a model that it samples; opening its models may take it a while.
 *
 * @throws NoServer, or the server's line
 */
export async function servedFacts(name: string, signal: AbortSignal): Promise<ServedFacts | undefined> {
  const response = await askServer('api/models', { signal });
  const { data } = (await response.json()) as { readonly data: readonly ServedFacts[] };
  return data.find((facts) => facts.name === name);
}

/**
 * Has the server sample an image, and shows x̂_0 of every step, or of a hundred. Where nobody waits for it any more, the server stops, too.
 *
 * @throws NoServer on a static host; the server's line if it refuses, or fails; the signal's reason on abort
 */
export async function sampleOnServer(
  { signal, steps, ...asked }: ServerSampling,
  onFrame: (frame: ServerFrame) => void,
): Promise<void> {
  signal.throwIfAborted();
  const previews = Math.min(steps, mostPreviews);
  // Without the signal: only what has an id can be stopped.
  const response = await askServer('api/jobs', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...asked, n: 1, steps, previews }),
  });
  const { id } = (await response.json()) as { readonly id: string };
  const path = `api/jobs/${id}`;
  const stop = () => void askServer(path, { method: 'DELETE', keepalive: true }).catch(() => {});
  let events: EventSource | undefined;
  addEventListener('pagehide', stop);
  try {
    signal.throwIfAborted();
    const heard = (events = new EventSource(`./${path}/events`));
    await new Promise<void>((resolve, reject) => {
      const read = <T>(event: Event) => JSON.parse((event as MessageEvent<string>).data) as T;
      heard.addEventListener('preview', (event) => {
        const { number, b64_json: base64 } = read<{ readonly number: number; readonly b64_json: string }>(event);
        onFrame({ url: `data:image/png;base64,${base64}`, kind: 'preview', share: (number + 1) / previews });
      });
      heard.addEventListener('image', (event) => {
        onFrame({ url: `.${read<{ readonly url: string }>(event).url}`, kind: 'image', share: 1 });
      });
      heard.addEventListener('completed', () => resolve());
      heard.addEventListener('failed', (event) => {
        const { error } = read<{ readonly error: { readonly message: string } }>(event);
        reject(new Error(error.message));
      });
      // The server has ended: the browser would ask again for ever.
      heard.addEventListener('error', () => reject(new TypeError(`${path}: the server does not answer any more`)));
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  } catch (error) {
    stop();
    throw error;
  } finally {
    removeEventListener('pagehide', stop);
    events?.close();
  }
}
