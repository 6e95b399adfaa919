/**
 * What a schema's settings mean stands once: in the doc comment above each, where editors find it. This puts the comments into the schemas
 * of a source file when it is loaded, as zod's metadata, from which everything else is made.
 */
import { parseSync, type Plugin } from 'vite';

/** What is said of a setting. */
export interface Description {
  readonly description?: string;
  /** What `@unit` says. */
  readonly unit?: string;
  /** Where the default is from: the comment at the end of its line. */
  readonly source?: string;
}

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

interface Property extends Node {
  readonly type: 'Property';
  readonly value: Node;
  readonly shorthand: boolean;
}

const helper = `
import { ZodType as __ZodType } from 'zod';
function __described(value, said) { return value instanceof __ZodType ? value.meta({ ...value.meta(), ...said }) : value; }
`;

/** The source with each commented property of an object wrapped, so that a schema there carries its comment. */
export function describedSource(code: string, path: string): string {
  const edits: { readonly at: number; readonly text: string }[] = [];
  for (const { property, before } of properties(parseSync(path, code).program as unknown as Node)) {
    const said = describe(code.slice(before, property.start), code.slice(property.end, endOfLine(code, property.end)));
    if (Object.keys(said).length === 0) continue;
    edits.push({ at: property.value.start, text: '__described(' });
    edits.push({ at: property.value.end, text: `, ${JSON.stringify(said)})` });
  }
  let described = code;
  // From the end, so that places before it stay what they are. An inner value ends before the outer one does.
  for (const { at, text } of edits.toSorted((a, b) => b.at - a.at))
    described = described.slice(0, at) + text + described.slice(at);
  return described + helper;
}

/** The plugin of Vite that does so for every file with a schema. */
export const describeSchemas: Plugin = {
  name: 'describe-schemas',
  enforce: 'pre',
  transform: (code, id) =>
    id.endsWith('.ts') && /from 'zod'/.test(code) && /\bz\s*\.\s*(strictObject|object)\(|\.extend\(|: z\./.test(code)
      ? describedSource(code, id)
      : undefined,
};

/** The properties of all objects below a node, each with the end of what stands before it. */
function* properties(node: Node): Generator<{ readonly property: Property; readonly before: number }> {
  if (node.type === 'ObjectExpression') {
    let before = node.start + 1;
    for (const property of (node as Node & { readonly properties: readonly Node[] }).properties) {
      if (property.type === 'Property' && !(property as Property).shorthand)
        yield { property: property as Property, before };
      before = property.end;
    }
  }
  for (const child of Object.values(node))
    for (const each of Array.isArray(child) ? child : [child])
      if (typeof each === 'object' && each !== null && 'type' in each) yield* properties(each as Node);
}

function endOfLine(code: string, from: number): number {
  const end = code.indexOf('\n', from);
  return end < 0 ? code.length : end;
}

function describe(before: string, after: string): Description {
  const comment = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*$/.exec(before)?.[1];
  const [text = '', unit] = (comment ?? '')
    .replaceAll(/\s*\n\s*\*\s*/g, ' ')
    .split('@unit')
    .map((part) => part.trim());
  const source = /^,?[^\S\n]*\/\/\s*(.+?)\s*$/.exec(after)?.[1];
  return {
    ...(text !== '' && { description: text }),
    ...(unit !== undefined && { unit }),
    ...(source !== undefined && { source }),
  };
}
