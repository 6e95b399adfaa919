/** What a server takes from its clients, and keeps for them. */

/** Bounds of a server; every number is per server unless it says otherwise. */
export interface ServerLimits {
  /** Bytes of a request's body. */
  readonly bodyBytes: number;
  /** Pixels of an image that is sent, as its header claims them: more is refused before it is decoded. */
  readonly inputPixels: number;
  /** Images of one request. */
  readonly count: number;
  /** The longest side that images are enlarged to. */
  readonly side: number;
  /** Steps of the reverse process that a request may ask for. */
  readonly steps: number;
  /** Images, and calls of a CLIP, that wait for the worker: with more, requests are answered with 429. */
  readonly queue: number;
  /** Seconds that a request may wait and compute together. */
  readonly requestSeconds: number;
  /** Seconds in which a client has to have sent its headers and its body. */
  readonly sendSeconds: number;
  /** Connections that are open at once. */
  readonly connections: number;
  /** Bytes of images that are kept for `url` answers and finished jobs; the oldest go first. */
  readonly keptBytes: number;
  /** Seconds that they are kept, and finished jobs with them. */
  readonly keptSeconds: number;
  /** Seconds that requests have to end after SIGTERM. */
  readonly drainSeconds: number;
}

/**
 * What holds when nobody says: `count` and the hour that addresses are good for are OpenAI's; a body has room for the sixteen
 * megabytes of an image and its mask; the rest is far above what a person does and far below what fills a small machine.
 */
export const serverLimits: ServerLimits = {
  bodyBytes: 32 * 2 ** 20,
  inputPixels: 4096 * 4096,
  count: 10,
  side: 2048,
  steps: 1000,
  queue: 128,
  requestSeconds: 600,
  sendSeconds: 30,
  connections: 1024,
  keptBytes: 256 * 2 ** 20,
  keptSeconds: 3600,
  drainSeconds: 30,
};
