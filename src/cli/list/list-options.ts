/** The options of commands that list something. */
export interface ListOptions {
  readonly json: boolean;
}
