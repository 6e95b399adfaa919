/** The settings of a system, found in its schema. */
import { z } from 'zod';
import type { System } from './system.ts';

/** One setting. */
export interface SchemaSetting {
  /** `train.ema.decay` */
  readonly path: string;
  /** What it may be, without default and null. */
  readonly type: z.ZodType;
  /** Whether a run that goes on may have another value. */
  readonly resumable: boolean;
  /** Whether the other settings of its section belong to its value. */
  readonly startsSection: boolean;
}

/** The settings of a schema by their paths, in its order. */
export function schemaSettings(schema: z.ZodType, path = ''): SchemaSetting[] {
  const { type, ...marks } = unwrapped(schema);
  if (!(type instanceof z.ZodObject)) return path === '' ? [] : [{ path, type, ...marks }];
  return Object.entries(type.shape as Record<string, z.ZodType>).flatMap(([key, inner]) =>
    schemaSettings(inner, path === '' ? key : `${path}.${key}`),
  );
}

/** Settings that are on or off: alone on the command line, `--train.recompute` turns one on. */
export function switchesOf(systems: readonly Pick<System, 'schema'>[]): string[] {
  const all = systems.flatMap(({ schema }) => schemaSettings(schema));
  return [...new Set(all.filter(({ type }) => type instanceof z.ZodBoolean).map(({ path }) => path))];
}

/** Settings that a resumed run may say differently: how long and how often, nothing that changes a step. */
export function resumableOf({ schema }: Pick<System, 'schema'>): string[] {
  return schemaSettings(schema)
    .filter(({ resumable }) => resumable)
    .map(({ path }) => path);
}

/**
 * Settings by which the others of their section stand or fall, `scheduler.process` among them: who asks for another process
 * has no use for the settings of the one before.
 */
export function sectionHeadsOf(systems: readonly Pick<System, 'schema'>[]): string[] {
  const all = systems.flatMap(({ schema }) => schemaSettings(schema));
  return [...new Set(all.filter(({ startsSection }) => startsSection).map(({ path }) => path))];
}

/** A schema without what stands around its type. */
function unwrapped(schema: z.ZodType): Omit<SchemaSetting, 'path'> {
  let type: z.ZodType = schema;
  let resumable = false;
  let startsSection = false;
  for (;;) {
    resumable ||= type.meta()?.['resumable'] === true;
    startsSection ||= type.meta()?.['startsSection'] === true;
    const { def } = type as unknown as { readonly def: { readonly innerType?: z.ZodType; readonly in?: z.ZodType } };
    const inner = def.innerType ?? def.in;
    if (!inner) return { type, resumable, startsSection };
    type = inner;
  }
}
