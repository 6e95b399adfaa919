/** What a model's README.md says of it in a form that programs can read. */
import { join } from 'node:path';
import { cardFile } from './file-names.ts';
import { kindOf, readWhole } from '../files/durable-files.ts';

/** Facts from a model card; what it does not say is absent. */
export interface ModelCard {
  /** The first heading. */
  readonly title?: string;
  /** The first paragraph after it, as plain text. */
  readonly summary?: string;
  /** From the front matter (`license: mit`, as on the Hugging Face Hub), else from the table's row `license`. */
  readonly license?: string;
  /** From the table's row `data`: what the model learned from. */
  readonly data?: string;
}

/**
 * The card of a model folder, `README.md`; empty if there is none.
 *
 * @throws if it cannot be read
 */
export async function readModelCard(dir: string): Promise<ModelCard> {
  const path = join(dir, cardFile);
  if ((await kindOf(path)) !== 'file') return {};
  return parseModelCard(new TextDecoder().decode(await readWhole(path, path)));
}

/** Reads the text of a model card. */
export function parseModelCard(text: string): ModelCard {
  const lines = text.replaceAll('\r\n', '\n').split('\n');
  const end = lines[0]?.trim() === '---' ? lines.findIndex((line, i) => i > 0 && line.trim() === '---') : -1;
  const head = lines.slice(1, Math.max(end, 1));
  const body = lines.slice(end + 1);
  const heading = body.findIndex((line) => line.startsWith('# '));
  const title = heading < 0 ? undefined : plain(body[heading]!.slice(2));
  const summary = heading < 0 ? undefined : firstParagraph(body.slice(heading + 1));
  const stated = head
    .map((line) => /^license:\s*["']?(.+?)["']?\s*$/.exec(line)?.[1])
    .find((found) => found !== undefined);
  const license = stated ?? row(body, /^\|\s*license\s*\|(.*)\|\s*$/i);
  const data = row(body, /^\|\s*data\s*\|(.*)\|\s*$/i);
  return {
    ...(title && { title }),
    ...(summary && { summary }),
    ...(license && { license: plain(license) }),
    ...(data && { data: plain(data) }),
  };
}

/** What the first line of a table that fits says. */
function row(lines: readonly string[], pattern: RegExp): string | undefined {
  return lines.map((line) => pattern.exec(line)?.[1]).find((found) => found !== undefined);
}

function firstParagraph(lines: readonly string[]): string | undefined {
  const start = lines.findIndex((line) => line.trim() !== '');
  // A table, a list, code or the next heading is no paragraph.
  if (start < 0 || /^(?:[#|>*-]| {4}|```|!?\[)/.test(lines[start]!)) return undefined;
  const end = lines.findIndex((line, i) => i > start && line.trim() === '');
  return plain(lines.slice(start, end < 0 ? undefined : end).join(' '));
}

/** Without the marks of Markdown. */
function plain(text: string): string {
  return text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}
