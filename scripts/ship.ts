/**
 * Puts a trained run's model into `pretrained/<name>/`: float16 weights, and a card of what `cards.ts` says and the run shows.
 *
 *     npx tsx scripts/ship.ts <run> <name>
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { latestCheckpoint, readRun } from '../src/checkpoint/index.ts';
import { configuredRun } from '../src/systems/index.ts';
import type { MetricsLine } from '../src/train/index.ts';
import { cards } from './cards.ts';

type Row = readonly [what: string, value: string];

const [run, name] = process.argv.slice(2);
const card = name === undefined ? undefined : cards[name];
if (!run || !card) throw new Error(`usage: tsx scripts/ship.ts <run> <${Object.keys(cards).join(' | ')}>`);
const checkpoint = await latestCheckpoint(run);
if (!checkpoint) throw new Error(`${run}: no checkpoint`);
const { config, train, lines, training } = await readStage(run, checkpoint.step);
// A run that begins with another's model is the last stage of both.
const stages =
  train.init === null
    ? [training]
    : [(await readStage(train.init, (await latestCheckpoint(train.init))!.step)).training, training];
const measured = lines.findLast(({ evaluation }) => evaluation)?.evaluation ?? {};
const last = lines.slice(-500);
const loss = last.reduce((total, line) => total + line.loss, 0) / last.length;

const out = join('pretrained', name!);
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const { system } = configuredRun(config);
if (!system.ship) throw new Error(`${system.task}: models of this system are not shipped`);
const { weights, rows } = await system.ship(checkpoint.path, out, measured);
const { head, rest } = await around();
const { size } = await stat(join(out, weights));
const table: readonly Row[] = [
  ...rows,
  ['weights', `the moving average of training, float16, ${(size / 1e6).toFixed(1)} MB`],
  ['data', card.data],
  ['commands', card.commands.map((command) => `\`${command}\``).join('<br>')],
  ['seed', String(train.seed)],
  ['training', `${stages.join(', then ')} on two processor cores, next to what measuring and saving took`],
  ['loss', `${loss.toFixed(4)}, the mean of the last ${last.length} steps`],
  ...card.measured,
  ['license', card.license],
];
await writeFile(
  join(out, 'README.md'),
  [
    `${head}# ${name}`,
    card.subject,
    card.tries.map((line) => `    ${line}`).join('\n'),
    ['| | |', '|---|---|', ...table.map(([what, value]) => `| ${what} | ${value} |`)].join('\n'),
    card.note,
    ...(rest ? [rest] : []),
  ]
    .join('\n\n')
    .trimEnd() + '\n',
);
console.log(`${out}: step ${checkpoint.step}, loss ${loss.toFixed(4)}, ${(size / 1e6).toFixed(2)} MB`);

/** What a run was, up to a step. */
async function readStage(folder: string, steps: number) {
  const { config } = await readRun(folder);
  const { train } = configuredRun(config);
  const lines = (await readFile(join(folder, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MetricsLine)
    .filter(({ step }) => step <= steps);
  const images = train.batchSize * train.gradientAccumulation;
  // The median: a machine that was halted for an hour trained no slower for it.
  const rate = lines.map(({ imagesPerSecond }) => imagesPerSecond).sort((a, b) => a - b)[lines.length >> 1]!;
  return {
    config,
    train,
    lines,
    training: `${steps.toLocaleString('en-US')} steps of ${images} images, ${((steps * images) / rate / 60).toFixed(0)} minutes`,
  };
}

/** What stands around the table in the card that the folder was written with: front matter, and Python that uses it. */
async function around(): Promise<{ readonly head: string; readonly rest: string }> {
  // A model that no library of Python opens has none.
  if (!existsSync(join(out, 'README.md'))) return { head: '', rest: '' };
  const [, front, python] = /^(---\n.*?---\n).*?(With Node.*)$/s.exec(await readFile(join(out, 'README.md'), 'utf8'))!;
  return { head: `${front}\n`, rest: python! };
}
