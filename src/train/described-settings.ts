/** What every setting of a configuration means, as `presets/config.schema.json` says it to people and to editors. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { unknownName } from '../core/suggest.ts';

/** A part of a JSON schema, as it is written from the schemas of configurations. */
export interface SettingSchema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly SettingSchema[];
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  /** True for what has no default. A file may leave it out where the command line gives it, so it is not `required`. */
  readonly mustBeGiven?: boolean;
  readonly items?: SettingSchema | readonly SettingSchema[];
  readonly default?: unknown;
  readonly description?: string;
  /** What numbers count: pixels, updates. */
  readonly unit?: string;
  /** Where the default is from. */
  readonly source?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
}

/** The whole file. */
export interface ConfigSchema {
  /** A configuration of each kind of run, by its `task`. */
  readonly definitions: Readonly<Record<string, SettingSchema>>;
}

/** One setting of a kind of run, or a section of settings. */
export interface Setting {
  /** `train.ema.decay`. */
  readonly path: string;
  readonly meaning: string;
  /** What may stand there: `number from 0 to 1`, `one of adam, adamw`. */
  readonly type: string;
  readonly unit?: string;
  /** Absent for what must be given, and for what may be left out. */
  readonly default?: unknown;
  readonly required: boolean;
  /** Where the default is from. */
  readonly source?: string;
  /** The values, where there are only a few. */
  readonly choices?: readonly string[];
  /** True if other settings lie below it. */
  readonly section: boolean;
}

/** Where the schema of configurations lies: from src/ and from dist/ alike. */
export const configSchemaPath: string = fileURLToPath(new URL('../../presets/config.schema.json', import.meta.url));

/** The schema of configurations that comes with the package. */
export async function readConfigSchema(): Promise<ConfigSchema> {
  return JSON.parse(await readFile(configSchemaPath, 'utf8')) as ConfigSchema;
}

/** All settings of a kind of run, sections before what lies in them. */
export function settingsOf(schema: SettingSchema): Setting[] {
  return [...settingsBelow(schema, '')];
}

/**
 * The settings of a path, the path's own first: all of a section, or one.
 *
 * @param path  `train.ema`; empty for all
 * @throws one line with the nearest, if there is none
 */
export function settingsAt(settings: readonly Setting[], path: string): Setting[] {
  const found = settings.filter(
    (setting) =>
      path === '' ||
      setting.path === path ||
      (/^(\[\])?\./.test(setting.path.slice(path.length)) && setting.path.startsWith(path)),
  );
  if (found.length > 0) return found;
  // A name alone may be a setting of any section.
  const same = settings.filter((setting) => setting.path.endsWith(`.${path}`));
  if (same.length > 0) return same;
  throw new Error(
    unknownName(
      'setting',
      path,
      settings.map((setting) => setting.path),
    ),
  );
}

function* settingsBelow(schema: SettingSchema, prefix: string): Generator<Setting> {
  for (const [key, property] of Object.entries(schema.properties ?? {})) {
    const path = `${prefix}${key}`;
    const inner = sectionOf(property);
    yield {
      path,
      meaning: property.description ?? '',
      type: inner === property ? 'section' : typeText(property),
      ...(property.unit !== undefined && { unit: property.unit }),
      // A section's default is that of its settings.
      ...(property.default !== undefined && inner !== property && { default: property.default }),
      required: property.mustBeGiven ?? false,
      ...(property.source !== undefined && { source: property.source }),
      ...(choicesOf(property) && { choices: choicesOf(property)! }),
      section: inner !== undefined,
    };
    if (inner) yield* settingsBelow(inner, inner === property ? `${path}.` : `${path}[].`);
  }
}

/** The object whose keys are settings: the property itself, or each element of its list. */
function sectionOf(property: SettingSchema): SettingSchema | undefined {
  if (property.properties) return property;
  const { items } = property;
  return items !== undefined && 'properties' in items ? (items as SettingSchema) : undefined;
}

function choicesOf({ enum: values, type }: SettingSchema): readonly string[] | undefined {
  if (values) return values.map(String);
  return type === 'boolean' ? ['true', 'false'] : undefined;
}

/** What may stand there, in words. */
function typeText(schema: SettingSchema): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) {
    const names = schema.enum.filter((value) => value !== null).map(String);
    return `${names.length === 1 ? names[0]! : `one of ${names.join(', ')}`}${schema.enum.includes(null) ? ' or null' : ''}`;
  }
  if (schema.anyOf) {
    const parts = schema.anyOf.map(typeText);
    // 0 and 1 are two constants, and read better as a choice.
    return schema.anyOf.every((part) => part.const !== undefined) ? `one of ${parts.join(', ')}` : parts.join(' or ');
  }
  const types = [schema.type ?? 'anything'].flat();
  return types.map((type) => typeWord(type as string, schema)).join(' or ');
}

function typeWord(type: string, schema: SettingSchema): string {
  if (type === 'array') {
    const { items } = schema;
    if (Array.isArray(items)) return `[${items.map(typeText).join(', ')}]`;
    return items === undefined
      ? 'list'
      : `list of ${sectionOf(schema) ? 'sections' : typeText(items as SettingSchema)}`;
  }
  if (type === 'boolean') return 'true or false';
  return type === 'number' || type === 'integer' ? `${type}${rangeText(schema)}` : type;
}

function rangeText({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: SettingSchema): string {
  const least = minimum ?? exclusiveMinimum;
  const most = maximum ?? exclusiveMaximum;
  const above = minimum === undefined && exclusiveMinimum !== undefined;
  const below = maximum === undefined && exclusiveMaximum !== undefined;
  if (least === undefined && most === undefined) return '';
  if (most === undefined) return above ? ` above ${least}` : ` of ${least} or more`;
  if (least === undefined) return below ? ` below ${most}` : ` of ${most} or less`;
  return ` from ${least}${above ? ' (without it)' : ''} to ${most}${below ? ' (without it)' : ''}`;
}
