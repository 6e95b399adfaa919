import type { JsonObject } from '../formats/json-object.ts';
import type { z } from 'zod';
import { nearest } from '../core/suggest.ts';
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
