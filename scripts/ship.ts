/**
 * Puts a trained run's model into `pretrained/<name>/`: float16 weights, and a card of what `cards.ts` says and the run shows.
 * Several runs, a prior, a decoder and upsamplers, are put together to one model.
 *
 *     npx tsx scripts/ship.ts <run> [<run> …] <name>
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { latestCheckpoint, readRun } from '../src/checkpoint/index.ts';
import { runAssemble } from '../src/cli/export/run-assemble.ts';
import { folderSize } from '../src/files/folder-size.ts';
import { configuredRun } from '../src/systems/index.ts';
import type { MetricsLine } from '../src/train/index.ts';
import { cards } from './cards.ts';

/** A run, up to its newest checkpoint. */
interface Stage {
  readonly folder: string;
  readonly checkpoint: string;
  readonly config: Awaited<ReturnType<typeof readRun>>['config'];
  readonly train: ReturnType<typeof configuredRun>['train'];
  readonly lines: readonly MetricsLine[];
  /** What it was, in words. */
  readonly training: string;
}

type Row = readonly [what: string, value: string];

const runs = process.argv.slice(2, -1);
const name = process.argv.at(-1)!;
const card = cards[name];
if (runs.length === 0 || !card)
  throw new Error(`usage: tsx scripts/ship.ts <run> [<run> …] <${Object.keys(cards).join(' | ')}>`);
const out = join('pretrained', name);
// All runs are read before the model that stands there goes.
const stages = await Promise.all(runs.map(readStage));
await rm(out, { recursive: true, force: true });
const rowsOfModel = stages.length === 1 ? await shipRun(stages[0]!) : await shipParts(stages);
const { head, rest } = await around();
const table: readonly Row[] = [
  ...rowsOfModel,
  ['data', card.data],
  ['commands', card.commands.map((command) => `\`${command}\``).join('<br>')],
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
console.log(`${out}: ${((await folderSize(out)).bytes / 1e6).toFixed(2)} MB`);

/** The model of a run, and what the table says of it. */
async function shipRun({ checkpoint, config, train, lines, training }: Stage): Promise<readonly Row[]> {
  await mkdir(out, { recursive: true });
  // A run that begins with another's model is the last stage of both.
  const trainings = train.init === null ? [training] : [(await readStage(train.init)).training, training];
  const measured = lines.findLast(({ evaluation }) => evaluation)?.evaluation ?? {};
  const { system } = configuredRun(config);
  if (!system.ship) throw new Error(`${system.task}: models of this system are not shipped`);
  const { weights, rows } = await system.ship(checkpoint, out, measured);
  const { size } = await stat(join(out, weights));
  return [
    ...rows,
    ['weights', `the moving average of training, float16, ${megabytes(size)}`],
    ['seed', String(train.seed)],
    ['training', `${trainings.join(', then ')} on ${card!.cores}, next to what measuring and saving took`],
    ['loss', lossOf(lines)],
  ];
}

/** The model that the runs' models are put together to, and a row for each. */
async function shipParts(parts: readonly Stage[]): Promise<readonly Row[]> {
  await runAssemble(
    parts.map(({ folder }) => folder),
    { out, dtype: 'float16' },
  );
  const rows: Row[] = [];
  let upsamplers = 0;
  for (const { checkpoint, config, train, lines, training } of parts) {
    const { task } = configuredRun(config).system;
    const part = task !== 'ddpm' ? task : upsamplers++ === 0 ? 'upsampler' : `upsampler ${upsamplers}`;
    rows.push([
      part,
      `${((await trainedBytes(checkpoint)) / 4e6).toFixed(1)} M parameters; ${training} on ${card!.cores}; seed ${train.seed}; loss ${lossOf(lines)}`,
    ]);
  }
  return [
    ...rows,
    ['weights', `the moving averages of training, float16; the folder is ${megabytes((await folderSize(out)).bytes)}`],
  ];
}

/** The bytes of the networks that a run trained, float32 in its checkpoints. */
async function trainedBytes(checkpoint: string): Promise<number> {
  let bytes = 0;
  for (const part of ['prior', 'decoder', 'text_proj', 'unet']) {
    const file = join(checkpoint, part, 'diffusion_pytorch_model.safetensors');
    if (existsSync(file)) bytes += (await stat(file)).size;
  }
  return bytes;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

function lossOf(lines: readonly MetricsLine[]): string {
  const last = lines.slice(-500);
  const loss = last.reduce((total, line) => total + line.loss, 0) / last.length;
  return `${loss.toFixed(4)}, the mean of the last ${last.length} steps`;
}

/** What a run was, up to its newest checkpoint. */
async function readStage(folder: string): Promise<Stage> {
  const checkpoint = await latestCheckpoint(folder);
  if (!checkpoint) throw new Error(`${folder}: no checkpoint`);
  const { step: steps, path } = checkpoint;
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
    folder,
    checkpoint: path,
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
