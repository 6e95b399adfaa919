/** Data that `openDataset` or `takeListed` did not find where it was looked for. Who knows how it comes there can say so. */
export class MissingDataError extends Error {
  /** Whether it is the data set itself, or a list of its images. */
  readonly what: 'set' | 'list';
  constructor(what: 'set' | 'list', message: string) {
    super(message);
    this.name = 'MissingDataError';
    this.what = what;
  }
}

/** The line for a data set that is not here, with the command that gets it. */
export function notHere(source: string, hint: string): string {
  return `data ${JSON.stringify(source)}: is not on this machine; get it with: ${hint}; or give the path of the folder that it is in`;
}
