/** docs/settings.md: what every setting of a configuration means, from the schemas that check them. */
import { settingsOf, type ConfigSchema, type Setting } from '../../src/train/described-settings.ts';

/** What each kind of run trains, for its heading; a kind without a line has its name alone. */
const titles: Readonly<Record<string, string>> = {
  ddpm: 'Diffusion models',
  classifier: 'Image classifiers',
  clip: 'CLIP',
};

/** The page. Settings that a kind shares with the first one are named, not repeated. */
export function settingsPage({ definitions }: ConfigSchema): string {
  const tasks = Object.entries(definitions).map(([task, schema]) => ({
    task,
    settings: ownSettings(settingsOf(schema)),
  }));
  const [first, ...others] = tasks;
  const known = new Map(first!.settings.map((setting) => [setting.path, JSON.stringify(setting)]));
  const parts = others.map(({ task, settings }) => {
    const own = settings.filter((setting) => known.get(setting.path) !== JSON.stringify(setting));
    const same = settings.filter((setting) => !own.includes(setting) && !setting.section);
    return [
      heading(task),
      `A configuration with \`"task": "${task}"\`. As for ${titles[first!.task] ?? first!.task}: ${same.map(({ path }) => `\`${path}\``).join(', ')}.`,
      ...tables(own),
    ];
  });
  return `${[
    '# Settings',
    'Every setting of a training run: of presets, of configuration files, and of the command line, where `--train.learningRate 1e-4` sets `train.learningRate`. `npx kuosan settings train.ema` prints the same in the terminal.',
    'An editor completes and explains them in a file that begins with `"$schema": "./node_modules/kuosan/presets/config.schema.json"`, as the presets do with theirs.',
    'This page is written from the schemas by `npm run settings`, and a test compares the two.',
    heading(first!.task),
    `A configuration whose \`task\` is \`${first!.task}\` or left out.`,
    ...tables(first!.settings),
    ...parts.flat(),
  ].join('\n\n')}\n`;
}

/** Without what every configuration has, which is no setting of a run. */
function ownSettings(settings: readonly Setting[]): Setting[] {
  return settings.filter(({ path }) => path.includes('.') || !['$schema', 'task', 'getData'].includes(path));
}

function heading(task: string): string {
  return `## ${titles[task] ?? task}`;
}

/** A table for each section that has settings of its own. */
function tables(settings: readonly Setting[]): string[] {
  const sections = new Map<string, Setting[]>();
  for (const setting of settings) {
    if (setting.type === 'section') continue;
    const section = setting.path.replace(/(\[\])?\.?[^.]*$/, '');
    sections.set(section, [...(sections.get(section) ?? []), setting]);
  }
  return [...sections].flatMap(([section, rows]) => {
    const meaning = settings.find(({ path }) => path === section)?.meaning ?? '';
    return [
      `### \`${section}\``,
      ...(meaning === '' ? [] : [meaning]),
      [
        '| setting | meaning | value | default |',
        '|---|---|---|---|',
        ...rows.map((row) => tableRow(section, row)),
      ].join('\n'),
    ];
  });
}

function tableRow(section: string, { path, meaning, type, unit, default: value, required, source }: Setting): string {
  const name = path.slice(section.length).replace(/^(\[\])?\./, '');
  const shown = value === undefined ? (required ? 'must be given' : '') : `\`${JSON.stringify(value)}\``;
  const cells = [
    `\`${name}\``,
    meaning,
    `${type}${unit === undefined ? '' : ` (${unit})`}`,
    `${shown}${source === undefined ? '' : ` ${source}`}`,
  ];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}
