/** The files of a model wherever they lie: in a folder, behind an address, in memory. */
import { type JsonObject, parseJsonObject } from '../formats/json-object.ts';
import type { FileTensor, Safetensors } from '../formats/safetensors.ts';

/** A place that holds a model's files. Paths in it have slashes; '' is the place itself. */
export interface ModelFiles {
  /** How messages call a file. */
  name(path: string): string;
  has(path: string): Promise<boolean>;
  /** @throws one line that names the file and why it cannot be read */
  read(path: string): Promise<Uint8Array>;
  /**
   * The names of the files in a folder.
   *
   * @param likely  those to look for where a place cannot be listed
   */
  list(folder: string, likely: readonly string[]): Promise<readonly string[]>;
  /** What does not match the checksums that a file has in it, in a few words, where the platform can tell. */
  damage?(file: Safetensors<FileTensor>): string | undefined;
}

/** A file inside a folder of the place: `inside('unet', 'config.json')`. */
export function inside(folder: string, file: string): string {
  return folder === '' ? file : `${folder}/${file}`;
}

/** The files in a folder of a place, as a place of their own. */
export function filesIn(files: ModelFiles, folder: string): ModelFiles {
  return {
    ...files,
    name: (path) => files.name(path === '' ? folder : inside(folder, path)),
    has: (path) => files.has(inside(folder, path)),
    read: (path) => files.read(inside(folder, path)),
    list: (path, likely) => files.list(path === '' ? folder : inside(folder, path), likely),
  };
}

/** Reads a JSON file of a model; see `parseJsonObject`. */
export async function readModelJson(
  files: ModelFiles,
  path: string,
  options: { readonly infinite?: boolean } = {},
): Promise<JsonObject> {
  return parseJsonObject(await files.read(path), `checkpoint ${files.name(path)}`, options);
}

/** Options of `fetchedFiles`. */
export interface FetchOptions {
  /** Default the platform's. */
  readonly fetch?: typeof globalThis.fetch;
  /** Called as bytes come: of which file, how many so far, and how many there are where the server says. */
  readonly onBytes?: (path: string, bytes: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/**
 * A model folder behind an address: `fetchedFiles('https://example.com/models/icons/')`. Nothing is fetched before it is read.
 *
 * @param base  its address, with or without a slash at the end
 * @example
 * import { fetchedFiles } from 'kuosan/checkpoint';
 * import { openGenerator } from 'kuosan/generators';
 * import { createNodeExecutor } from 'kuosan/runtime/node';
 *
 * const files = fetchedFiles('https://example.com/models/icons');
 * const generator = await openGenerator(createNodeExecutor(), files);
 */
export function fetchedFiles(
  base: string | URL,
  { fetch = globalThis.fetch, onBytes, signal }: FetchOptions = {},
): ModelFiles {
  const address = (path: string) => `${String(base).replace(/\/$/, '')}${path === '' ? '' : `/${path}`}`;
  const request = async (path: string, method: 'GET' | 'HEAD') => {
    try {
      return await fetch(address(path), { method, ...(signal && { signal }) });
    } catch (error) {
      signal?.throwIfAborted();
      throw new Error(`${address(path)} could not be loaded (${(error as Error).message})`, { cause: error });
    }
  };
  const has = async (path: string) => {
    const response = await request(path, 'HEAD');
    if (response.status === 404 || response.status === 410 || response.status === 403) return false;
    if (!response.ok)
      throw new Error(`${address(path)} could not be loaded (${response.status} ${response.statusText})`);
    // A server that answers every address with its start page has no such file.
    return !/^text\/html\b/.test(response.headers.get('content-type') ?? '');
  };
  return {
    name: address,
    has,
    async read(path) {
      const response = await request(path, 'GET');
      if (!response.ok)
        throw new Error(`${address(path)} could not be loaded (${response.status} ${response.statusText})`);
      const length = Number(response.headers.get('content-length') ?? NaN);
      const total = Number.isFinite(length) && !response.headers.get('content-encoding') ? length : undefined;
      return gathered(response, (bytes) => onBytes?.(path, bytes, total));
    },
    async list(folder, likely) {
      const there = await Promise.all(likely.map((file) => has(inside(folder, file))));
      return likely.filter((_, i) => there[i]);
    },
  };
}

async function gathered(response: Response, onBytes: (bytes: number) => void): Promise<Uint8Array> {
  if (!response.body) return new Uint8Array(await response.arrayBuffer());
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body.getReader();
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    chunks.push(read.value);
    onBytes((size += read.value.length));
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Files in memory, by their paths: what a page has fetched itself, or a test. */
export function filesInMemory(contents: ReadonlyMap<string, Uint8Array>, where = 'memory'): ModelFiles {
  const name = (path: string) => (path === '' ? where : `${where}/${path}`);
  return {
    name,
    has: async (path) => contents.has(path),
    async read(path) {
      const bytes = contents.get(path);
      if (!bytes) throw new Error(`checkpoint ${name(path)}: there is no such file`);
      return bytes;
    },
    async list(folder) {
      const start = folder === '' ? '' : `${folder}/`;
      return [...contents.keys()]
        .filter((path) => path.startsWith(start) && !path.slice(start.length).includes('/'))
        .map((path) => path.slice(start.length));
    },
  };
}
