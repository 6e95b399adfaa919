import { type JsonObject, parseJsonObject } from '../formats/json-object.ts';
import { readWhole } from './durable-files.ts';

/**
 * The object in a JSON file.
 *
 * @param where     how messages call the file
 * @param infinite  see `parseJsonObject`
 * @throws one line if the file cannot be read, is not UTF-8, not JSON, or no object
 */
export async function readJsonFile(
  path: string,
  where: string,
  options: { readonly infinite?: boolean } = {},
): Promise<JsonObject> {
  return parseJsonObject(await readWhole(path, where), where, options);
}
