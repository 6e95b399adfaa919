/** What stands between braces in a JSON file. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Whether a value of JSON is an object: no list, not null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
