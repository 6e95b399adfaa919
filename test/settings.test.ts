import { readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { parse } from 'jsonc-parser';
import { z } from 'zod';
import { beforeAll, describe, expect, test } from 'vitest';
import { describedSource } from '../scripts/settings/described-source.ts';
import { documentDeclarations } from '../scripts/settings/document-declarations.ts';
import { settingsFiles } from '../scripts/settings/settings-files.ts';
import { processes, schedulerDefaults } from '../src/diffusion/index.ts';
import { configSchemas } from '../src/systems/all.ts';
import { schedulerSchema } from '../src/systems/scheduler-schema.ts';
import { configuredRun } from '../src/systems/index.ts';
import { presetNames, readConfig } from '../src/train/index.ts';
import { readConfigSchema, settingsAt, settingsOf, type Setting } from '../src/train/described-settings.ts';
import { runHere } from './run-here.ts';
import { textOf } from './source-files.ts';

const schema = await readConfigSchema();
const presets = await presetNames();
const settings = Object.fromEntries(Object.entries(schema.definitions).map(([task, kind]) => [task, settingsOf(kind)]));
const setting = (task: string, path: string): Setting => settings[task]!.find((each) => each.path === path)!;

describe('what is written from the schemas', () => {
  let files: Readonly<Record<string, string>>;
  beforeAll(async () => {
    files = await settingsFiles();
  }, 120_000);

  test.each(['presets/config.schema.json', 'docs/settings.md'])('%s is current: else npm run settings', (path) => {
    expect(textOf(path)).toBe(files[path]);
  });
});

test('every kind of run is there, and each of its settings has a meaning', () => {
  expect(Object.keys(schema.definitions)).toEqual(Object.keys(configSchemas));
  expect(() => configuredRun({ task: 'no such task' })).toThrow(`one of ${Object.keys(configSchemas).join(', ')}`);
  for (const [task, all] of Object.entries(settings))
    expect(all.filter(({ meaning }) => meaning === '').map(({ path }) => `${task}: ${path}`)).toEqual([]);
});

describe('a default', () => {
  const minimal = { data: { source: 'x' }, train: { steps: 1 } };
  /** What has no default. */
  const needed: Readonly<Record<string, object>> = {
    imagen: { text: { encoder: 'x' } },
    prior: { clip: { model: 'x' } },
    'autoregressive-prior': { clip: { model: 'x' } },
    decoder: { clip: { model: 'x' } },
  };

  test.each(Object.entries(configSchemas))('of %s is what a configuration gets that does not say', (task, checked) => {
    const config = checked.parse({ ...minimal, ...needed[task] }) as Record<string, unknown>;
    const at = (path: string): unknown =>
      path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | undefined)?.[key], config);
    const stated = settings[task]!.filter(({ path, default: value }) => value !== undefined && !path.includes('[]'));
    // Those of the scheduler depend on the process, and are filled in later.
    const own = stated.filter(({ path }) => path.includes('.') && !path.startsWith('scheduler.'));
    expect(own.length).toBeGreaterThan(20);
    for (const { path, default: value } of own)
      if (at(path.slice(0, path.lastIndexOf('.'))) !== undefined) expect(at(path), path).toEqual(value);
  });

  test('of the scheduler is that of its process', () => {
    const { process: _, ...flow } = processes.flow.defaults;
    const { process: __, ...edm } = processes.edm.defaults;
    const defaults: Readonly<Record<string, unknown>> = { ...edm, ...flow, ...schedulerDefaults };
    expect(Object.keys(schedulerSchema.shape).sort()).toEqual([...Object.keys(defaults), 'process'].sort());
    for (const [key, value] of Object.entries(defaults))
      expect(setting('ddpm', `scheduler.${key}`).default, key).toEqual(value);
  });
});

describe('the schema for editors', () => {
  const accepts = new Ajv({ strict: false }).compile(schema);

  test.each(presets)('accepts the preset %s, which names it', async (name) => {
    const text = await readFile(new URL(`../presets/${name}.jsonc`, import.meta.url), 'utf8');
    const value = parse(text, [], { allowTrailingComma: true }) as Record<string, unknown>;
    expect(value['$schema']).toBe('./config.schema.json');
    expect(accepts(value), JSON.stringify(accepts.errors)).toBe(true);
    expect(Object.keys(await readConfig(name))).not.toContain('$schema');
  });

  const small = { data: { source: 'x' }, train: { steps: 1 } };
  test.each<[what: string, config: object]>([
    ['an unknown key', { ...small, data: { source: 'x', sise: 32 } }],
    ['an unknown section', { ...small, modle: {} }],
    ['a wrong type', { ...small, train: { steps: '1' } }],
    ['a value out of range', { ...small, train: { steps: 0 } }],
    ['an unknown name', { ...small, scheduler: { betaSchedule: 'cosin' } }],
    ['a setting of another kind of run', { ...small, task: 'classifier', scheduler: {} }],
    ['an unknown task', { ...small, task: 'gan' }],
  ])('refuses %s, as the check of a run does', (_what, config) => {
    expect(accepts(config)).toBe(false);
    expect(() => configuredRun({ ...config })).toThrow(/config|Schedule/);
  });

  test('accepts what the command line completes', () => {
    expect(accepts({ data: { size: 32 } })).toBe(true);
    expect(setting('ddpm', 'train.steps').required).toBe(true);
  });

  test('accepts a configuration that names it, and a run does', () => {
    const config = { $schema: './node_modules/kuosan/presets/config.schema.json', ...small };
    expect(accepts(config)).toBe(true);
    expect(configuredRun(config).source).toBe('x');
  });
});

test('what is said of a setting is its comment, its unit and the end of its line', () => {
  const source = `import { z } from 'zod';
const inner = {
  /** Inner ones,
   *  on two lines. */
  a: z.string(),
};
export const schema = z.strictObject({
  /** Height. @unit pixels */
  size: z.number().default(32), // Ho et al.
  /** A section. */
  part: z.strictObject({ ...inner, b: z.boolean() }).prefault({}),
  // No doc comment.
  plain: z.string(),
});`;
  const described = describedSource(source, 'schema.ts');
  expect(described).toContain(
    'size: __described(z.number().default(32), {"description":"Height.","unit":"pixels","source":"Ho et al."})',
  );
  expect(described).toContain('a: __described(z.string(), {"description":"Inner ones, on two lines."})');
  expect(described).toContain(
    'part: __described(z.strictObject({ ...inner, b: z.boolean() }).prefault({}), {"description":"A section."})',
  );
  expect(described).toContain('plain: z.string(),');
});

test('declarations say what their settings mean, at every depth, and once', () => {
  const text = `export declare const schema: z.ZodObject<{
    size: z.ZodDefault<z.ZodNumber>;
    parts: z.ZodDefault<z.ZodArray<z.ZodObject<{
        kind: z.ZodEnum<{
            kind: "kind";
        }>;
    }, z.core.$strict>>>;
    plain: z.ZodString;
}, z.core.$strict>;
`;
  const part = z.strictObject({ kind: z.enum(['kind']).meta({ description: 'Which.' }) });
  const exported = z.strictObject({
    // On the inside, where a later default leaves it.
    size: z.number().meta({ description: 'Height.', unit: 'pixels' }).default(32),
    parts: z.array(part).default([]).meta({ description: 'Its parts.' }),
    plain: z.string(),
  });
  const documented = documentDeclarations(text, { schema: exported });
  expect(documented).toBe(`export declare const schema: z.ZodObject<{
    /** Height. Unit: pixels. */
    size: z.ZodDefault<z.ZodNumber>;
    /** Its parts. */
    parts: z.ZodDefault<z.ZodArray<z.ZodObject<{
        /** Which. */
        kind: z.ZodEnum<{
            kind: "kind";
        }>;
    }, z.core.$strict>>>;
    plain: z.ZodString;
}, z.core.$strict>;
`);
  expect(documentDeclarations(documented, { schema: exported })).toBe(documented);
});

describe('kuosan settings', () => {
  async function printed(...words: string[]) {
    const { status, stdout: out, stderr: err } = await runHere(['settings', ...words]);
    return { status, out, err };
  }

  test('lists a section, and the kinds of run where they differ', async () => {
    const { status, out } = await printed('train.ema');
    expect(status).toBe(0);
    expect(out).toMatch(/^train\.ema: .*\ntrain\.ema\.decay = 0\.9999 {2}The largest share/);
    expect((await printed('optimizer')).out.split('\n').slice(0, 2)).toEqual([
      'train.optimizer = "adam" (ddpm, classifier, imagen, decoder)  `adamw` decays weights apart from the gradients.',
      'train.optimizer = "adamw" (clip)  `adamw` decays weights apart from the gradients.',
    ]);
  });

  test('says all of one setting', async () => {
    expect((await printed('learningRate', '--task', 'ddpm')).out).toBe(
      'train.learningRate\n  The learning rate after the warm-up.\n  value: number above 0\n  default: 0.0002 (Ho et al., CIFAR-10)\n  of: ddpm\n',
    );
    expect(JSON.parse((await printed('data.source', '--task', 'clip', '--json')).out)).toMatchObject([
      { path: 'data.source', required: true, tasks: ['clip'] },
    ]);
  });

  test('names the nearest where there is none', async () => {
    expect(await printed('train.learningRat')).toEqual({
      status: 2,
      out: '',
      err: 'kuosan: unknown setting "train.learningRat"; did you mean train.learningRate?\n',
    });
    expect((await printed('train', '--task', 'clop')).err).toBe('kuosan: unknown task "clop"; did you mean clip?\n');
    expect(settingsAt(settings['ddpm']!, 'train.groups').map(({ path }) => path)).toContain('train.groups[].names');
  });
});
