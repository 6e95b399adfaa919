/** One thing that `kuosan doctor` has looked at. */
export interface Finding {
  readonly name: string;
  /** Fine; there, but less than it could be; not there. */
  readonly status: 'ok' | 'limited' | 'missing';
  readonly text: string;
  /** How to get what is missing. */
  readonly remedy?: string;
}

/** A message in the form of our errors, `what is wrong; a hint`, as a finding that is missing. */
export function missing(name: string, message: string): Finding {
  const at = message.indexOf('; ');
  return at < 0
    ? { name, status: 'missing', text: message }
    : { name, status: 'missing', text: message.slice(0, at), remedy: message.slice(at + 2) };
}
