/** The state of a page as it stands in the address: what a setting may be, and how it is written. */

/** One setting of a page. */
export interface PageSetting<T> {
  readonly otherwise: T;
  /** What a text in the address says; undefined if it says nothing that the setting may be. */
  read(text: string): T | undefined;
  write(value: T): string;
}
/** The settings of a page by name. */
export type PageSettings = Readonly<Record<string, PageSetting<never>>>;
/** The values of settings. */
export type ValuesOf<S> = { -readonly [K in keyof S]: S[K] extends PageSetting<infer T> ? T : never };

/** A number in a range. @param step  default 1, which is integers */
export function numberSetting(otherwise: number, min: number, max: number, step = 1): PageSetting<number> {
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  return {
    otherwise,
    read(text) {
      const value = text.trim() === '' ? NaN : Number(text);
      if (!Number.isFinite(value)) return undefined;
      const held = Math.min(max, Math.max(min, value));
      return Number((Math.round(held / step) * step).toFixed(digits));
    },
    write: (value) => String(Number(value.toFixed(digits))),
  };
}

/** One of a list. */
export function choiceSetting<const T extends string>(otherwise: T, choices: readonly T[]): PageSetting<T> {
  return { otherwise, read: (text) => choices.find((choice) => choice === text), write: (value) => value };
}

/** Any text up to a length. */
export function textSetting(otherwise: string, most: number): PageSetting<string> {
  return { otherwise, read: (text) => text.slice(0, most), write: (value) => value };
}

/** Several numbers of a range, each once, in the order of the visitor. @param most  how many */
export function numbersSetting(
  otherwise: readonly number[],
  min: number,
  max: number,
  most: number,
): PageSetting<readonly number[]> {
  return {
    otherwise,
    read(text) {
      const values = text === '' ? [] : text.split('.').map(Number);
      const isWrong = values.some((value) => !Number.isInteger(value) || value < min || value > max);
      return isWrong ? undefined : [...new Set(values)].slice(0, most);
    },
    write: (values) => values.join('.'),
  };
}

/** Yes or no. */
export function switchSetting(otherwise: boolean): PageSetting<boolean> {
  return {
    otherwise,
    read: (text) => (text === '1' ? true : text === '0' ? false : undefined),
    write: (value) => (value ? '1' : '0'),
  };
}

type AnySetting = PageSetting<unknown>;
const entriesOf = (settings: object) => Object.entries(settings) as [string, AnySetting][];

/** What parameters of an address say; what they do not say, or say wrong, is as it is when nobody says. */
export function readSettings<S extends object>(settings: S, params: URLSearchParams): ValuesOf<S> {
  return Object.fromEntries(
    entriesOf(settings).map(([name, setting]) => {
      const text = params.get(name);
      return [name, (text === null ? undefined : setting.read(text)) ?? setting.otherwise];
    }),
  ) as ValuesOf<S>;
}

/** The parameters that say the values; those that are as nobody says are left out. */
export function writeSettings<S extends object>(settings: S, values: ValuesOf<S>): URLSearchParams {
  const params = new URLSearchParams();
  for (const [name, setting] of entriesOf(settings)) {
    const value = (values as Record<string, unknown>)[name];
    const text = setting.write(value);
    if (text !== setting.write(setting.otherwise)) params.set(name, text);
  }
  return params;
}
