import { readdir, readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser';
import { nearest } from '../core/suggest.ts';

/** The documented runs that come with the package: `presets/<name>.jsonc`, found from src/ and from dist/ alike. */
const presetsDir = fileURLToPath(new URL('../../presets/', import.meta.url));

/** The names of the presets, sorted. */
export async function presetNames(): Promise<string[]> {
  return (await readdir(presetsDir))
    .filter((file) => file.endsWith('.jsonc'))
    .map((file) => file.slice(0, -'.jsonc'.length))
    .sort();
}

/**
 * Reads a configuration: a preset by name, or a JSON file (comments allowed) by path.
 *
 * @throws for an unknown preset, with the nearest; for a file that cannot be read; for a syntax error, with line and column
 */
export async function readConfig(presetOrFile: string): Promise<Record<string, unknown>> {
  const names = await presetNames();
  const isFile = /[./\\]/.test(presetOrFile);
  if (!isFile && !names.includes(presetOrFile)) {
    const close = nearest(presetOrFile, names);
    throw new Error(
      `unknown preset "${presetOrFile}"${close ? `; did you mean ${close}?` : `; one of ${names.join(', ')}`} (a configuration file ends in .json)`,
    );
  }
  const path = isFile ? presetOrFile : `${presetsDir}${presetOrFile}.jsonc`;
  const text = await readText(path);
  const errors: ParseError[] = [];
  const value = parseNested(path, text, errors);
  const first = errors[0];
  if (first) {
    const before = text.slice(0, first.offset).split('\n');
    throw new Error(
      `${path}:${before.length}:${before.at(-1)!.length + 1}: not valid JSON (${printParseErrorCode(first.error)})`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${path}: a configuration is a JSON object`);
  // For editors, which complete the file by it.
  const { $schema: _, ...config } = value as Record<string, unknown>;
  return config;
}

/** The first sentence of a preset's comments: what it trains. */
export async function presetSummary(name: string): Promise<string> {
  const lines = (await readText(`${presetsDir}${name}.jsonc`))
    .split('\n')
    .map((line) => /^\s*\/\/\s?(.*)$/.exec(line)?.[1]);
  const first = lines.findIndex((line) => line !== undefined);
  const end = lines.findIndex(
    (line, i) => i > first && (line === undefined || line.trim() === '' || line.startsWith('  ')),
  );
  // A dot before a small letter ends an abbreviation.
  return lines
    .slice(first, end)
    .join(' ')
    .replace(/[.:](?: (?=[A-Z]).*)?$/s, '')
    .trim();
}

/** A thousand times what a configuration has: whatever is larger is another file. */
const mostBytes = 1_000_000;

async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > mostBytes) throw new Error(`${path}: has ${size} bytes, a configuration has at most ${mostBytes}`);
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    throw new Error(code === 'ENOENT' ? `no configuration file at ${path}` : `cannot read ${path}: ${message}`, {
      cause: error,
    });
  }
}

function parseNested(path: string, text: string, errors: ParseError[]): unknown {
  try {
    return parse(text, errors, { allowTrailingComma: true }) as unknown;
  } catch (error) {
    // The parser calls itself for every bracket.
    if (error instanceof RangeError) throw new Error(`${path}: its brackets are nested too deeply`, { cause: error });
    throw error;
  }
}
