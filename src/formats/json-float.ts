/** Numbers that JSON writes with a point, for readers to whom 1 and 1.0 are of two types, as Python is. */

const mark = '\u0000float ';

/** A float; `stringifyJson` writes it as one, whatever its value. */
export class JsonFloat {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }

  /** @returns what `stringifyJson` finds again */
  toJSON(): string | null {
    if (!Number.isFinite(this.value)) return null;
    const text = JSON.stringify(this.value);
    return mark + (/^-?\d+$/.test(text) ? `${text}.0` : text);
  }
}

const marked = new RegExp(`"${JSON.stringify(mark).slice(1, -1).replaceAll('\\', '\\\\')}([^"]*)"`, 'g');

/** JSON.stringify, in which a `JsonFloat` keeps its point. */
export function stringifyJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(marked, '$1');
}
