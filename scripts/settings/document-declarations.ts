/**
 * The compiler leaves comments out of the types that it infers, so `new UNet2DModel({ … })` would explain none of its options to who has
 * the package. This writes what the schemas carry back into the declarations.
 */
import { parseSync } from 'vite';

interface Node {
  readonly type: string;
  readonly start: number;
}

interface Declarator extends Node {
  readonly id: { readonly name?: string; readonly typeAnnotation?: Node };
}

interface Member extends Node {
  readonly key: { readonly name?: string };
  readonly typeAnnotation?: Node;
}

/** A schema of zod's, as far as it is walked. */
interface Schema {
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly def?: { readonly innerType?: Schema; readonly element?: Schema; readonly in?: Schema };
  meta?(): { readonly description?: string; readonly unit?: string } | undefined;
}

/**
 * A declaration file with a comment above each setting of the schemas that it declares.
 *
 * @param text     `export declare const trainSchema: z.ZodObject<{ steps: z.ZodNumber; … }>`
 * @param exports  what the file exports, with their comments as metadata
 */
export function documentDeclarations(text: string, exports: Readonly<Record<string, unknown>>): string {
  const edits: { readonly at: number; readonly text: string }[] = [];
  for (const declarator of nodes<Declarator>(parseSync('file.d.ts', text).program, 'VariableDeclarator')) {
    const schema = exports[declarator.id.name ?? ''];
    if (schema !== undefined && declarator.id.typeAnnotation) visit(declarator.id.typeAnnotation, schema as Schema);
  }
  let documented = text;
  for (const { at, text: comment } of edits.toSorted((a, b) => b.at - a.at))
    documented = documented.slice(0, at) + comment + documented.slice(at);
  return documented;

  function visit(annotation: unknown, schema: Schema): void {
    const shape = shapeOf(schema);
    const [literal] = nodes<Node & { readonly members: readonly Member[] }>(annotation, 'TSTypeLiteral');
    if (!shape || !literal) return;
    for (const member of literal.members) {
      const inner = shape[member.key?.name ?? ''];
      if (!inner) continue;
      const { description, unit } = inner.meta?.() ?? innermost(inner).meta?.() ?? {};
      const indent = /[^\S\n]*$/.exec(text.slice(0, member.start))![0];
      const said = [description, unit === undefined ? undefined : `Unit: ${unit}.`].filter(
        (part) => part !== undefined,
      );
      // A declaration that has been documented stays as it is.
      const isNew = !text.slice(0, member.start).trimEnd().endsWith('*/');
      if (said.length > 0 && isNew)
        edits.push({ at: member.start, text: `/** ${said.join(' ').replaceAll('*/', '*\u200b/')} */\n${indent}` });
      visit(member.typeAnnotation, inner);
    }
  }
}

/** The outermost nodes of a type below a node. */
function* nodes<T extends Node>(node: unknown, type: string): Generator<T> {
  if (typeof node !== 'object' || node === null) return;
  if ((node as Node).type === type) yield node as T;
  else for (const child of Object.values(node)) yield* nodes<T>(child, type);
}

function unwrapped({ def }: Schema): Schema | undefined {
  return def?.innerType ?? def?.element ?? def?.in;
}

function innermost(schema: Schema): Schema {
  const inner = unwrapped(schema);
  return inner === undefined || schema.meta?.() ? schema : innermost(inner);
}

function shapeOf(schema: Schema): Schema['shape'] {
  if (schema.shape) return schema.shape;
  const inner = unwrapped(schema);
  return inner && shapeOf(inner);
}
