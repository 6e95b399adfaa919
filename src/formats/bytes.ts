/**
 * Bytes in memory of their own, as `Blob` and `fetch` take them: `Uint8Array<ArrayBuffer>`, in words that compilers
 * before TypeScript 5.7 understand too.
 */
export type Bytes = ReturnType<Uint8Array['slice']>;
