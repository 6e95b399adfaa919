/** What identifies a text encoder, here and in a browser. */
import type { Store } from '../core/index.ts';

/**
 * The SHA-256, in hexadecimal, of what is said and of every entry of a store by name, shape and values.
 *
 * @throws in a page that is not served over https, where browsers compute no SHA-256
 */
export async function encoderFingerprint(said: object, store: Store): Promise<string> {
  const lines = [JSON.stringify(said)];
  // One at a time: weights fill the memory of the device, and need not fill the host's.
  for (const name of Object.keys(store.spec).sort()) {
    const { shape, data } = (await store.read([name])).get(name)!;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    lines.push(JSON.stringify([name, shape, await sha256(bytes)]));
  }
  return sha256(new TextEncoder().encode(lines.join('\n')));
}

async function sha256(bytes: Uint8Array): Promise<string> {
  // Browsers leave it out of pages that anybody on the way could have changed.
  const { subtle } = globalThis.crypto as { readonly subtle?: typeof globalThis.crypto.subtle };
  if (!subtle) throw new Error('fingerprint: this page is not served over https, so the browser computes no SHA-256');
  const digest = await subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
