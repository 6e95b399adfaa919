import { z } from 'zod';
import type { JsonObject } from '../formats/json-object.ts';
import { nearest } from '../core/suggest.ts';
import { JsonFloat } from '../formats/json-float.ts';
import { quoteJson } from '../formats/quote.ts';

/** `block_out_channels` → `blockOutChannels`. */
function camelCase(key: string): string {
  return key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function snakeCase(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A Hugging Face configuration under our names: keys in camelCase, the library's own (`_class_name`) left out. */
export function fromHuggingFace(json: JsonObject): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(json)
      .filter(([key]) => !key.startsWith('_'))
      .map(([key, value]) => [camelCase(key), value]),
  );
}

/** The same under Hugging Face's spelling of keys. */
export function snakeCaseKeys(config: JsonObject): Record<string, unknown> {
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [snakeCase(key), value]));
}

/** Our configuration as Hugging Face writes it, with the class that it configures. */
export function toHuggingFace(className: string, config: JsonObject): Record<string, unknown> {
  return { _class_name: className, _diffusers_version: '0.30.0', ...snakeCaseKeys(config) };
}

/**
 * A configuration to be written, in which every number that the schema does not hold to whole numbers is a float, also
 * where it is whole: Python refuses 3 where it wants 3.0.
 *
 * @param json  under our names or Hugging Face's
 */
export function withFloats(schema: z.ZodType, json: unknown): unknown {
  if (typeof json === 'number') return isFloat(schema) ? new JsonFloat(json) : json;
  if (Array.isArray(json)) return json.map((value, i) => withFloats(elementOf(schema, i), value));
  if (typeof json !== 'object' || json === null) return json;
  const shape = alternatives(schema).reduce<Record<string, z.ZodType>>(
    (all, one) => ({ ...all, ...(one instanceof z.ZodObject && (one.shape as Record<string, z.ZodType>)) }),
    {},
  );
  const entry = alternatives(schema).find((one) => one instanceof z.ZodRecord)?.valueType as z.ZodType | undefined;
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      key,
      withFloats(shape[key] ?? shape[camelCase(key)] ?? entry ?? nothing, value),
    ]),
  );
}

const nothing = z.unknown();

function isFloat(schema: z.ZodType): boolean {
  return alternatives(schema).some((one) => one instanceof z.ZodNumber && !one.isInt);
}

function elementOf(schema: z.ZodType, index: number): z.ZodType {
  for (const one of alternatives(schema)) {
    if (one instanceof z.ZodArray) return one.element as z.ZodType;
    if (one instanceof z.ZodTuple) return (one.def.items[index] as z.ZodType | undefined) ?? nothing;
  }
  return nothing;
}

/** What a schema lets a value be, without what wraps it: defaults, null, transformations. */
function alternatives(schema: z.ZodType): readonly z.ZodType[] {
  if (schema instanceof z.ZodUnion) return (schema.options as readonly z.ZodType[]).flatMap(alternatives);
  if (schema instanceof z.ZodPipe) return alternatives(schema.out as z.ZodType);
  const inner = (schema.def as { readonly innerType?: z.ZodType }).innerType;
  return inner ? alternatives(inner) : [schema];
}

/**
 * Checks a configuration against its schema.
 *
 * @param where  how the message calls it, for example `config.model` or a file's path
 * @throws one line that names the key and what was expected there, with the nearest known key if it is unknown
 */
export function parseConfig<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const path = [where, ...issue.path.map(String)].join('.');
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const known = nearest(key, knownKeys(schema, issue.path));
    throw new Error(`${path}: unknown key ${quoteJson(key)}${known ? `; did you mean ${known}?` : ''}`);
  }
  const got = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    value,
  );
  throw new Error(`${path}: ${lowerFirst(issue.message)}, got ${quoteJson(got)}`);
}

/** The keys that the object at `path` inside a schema may have. */
function knownKeys(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let inner: unknown = schema;
  // A list is unwrapped to its elements, which all have one shape: their numbers say nothing.
  for (const key of path) if (typeof key !== 'number') inner = shapeOf(inner)?.[String(key)];
  return Object.keys(shapeOf(inner) ?? {});
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  let inner = schema as
    | { shape?: Record<string, unknown>; unwrap?: () => unknown; removeDefault?: () => unknown }
    | undefined;
  while (inner && !inner.shape && (inner.removeDefault ?? inner.unwrap))
    inner = (inner.removeDefault ?? inner.unwrap)!.call(inner) as typeof inner;
  return inner?.shape;
}

function lowerFirst(text: string): string {
  return text
    .replace(/^Invalid (?:input|option): /, '')
    .replace(/, received .*$/, '')
    .replace(/^./, (letter) => letter.toLowerCase());
}
