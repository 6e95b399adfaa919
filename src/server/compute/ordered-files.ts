/** Image files that are encoded at the same time and sent in order. */

/**
 * The files of a batch. Encoders run at the same time, and that of a finished image may end before that of its last
 * preview. A client reads nothing after the image, so the files of one place are sent in the order in which they were
 * added.
 */
export class OrderedFiles {
  /** What was added last for each place, when it is sent. */
  readonly #sent = new Map<number, Promise<void>>();

  /** Sends a file when it is encoded and the files of its place before it are sent. */
  add(place: number, file: Promise<Uint8Array>, send: (bytes: Uint8Array) => void): void {
    const sent = Promise.all([file, this.#sent.get(place)]).then(([bytes]) => send(bytes));
    // `done` says what went wrong; until somebody waits for it, this does not end the process.
    sent.catch(() => {});
    this.#sent.set(place, sent);
  }

  /**
   * Waits until all files are sent.
   *
   * @throws what an encoder has thrown
   */
  async done(): Promise<void> {
    await Promise.all(this.#sent.values());
  }
}
