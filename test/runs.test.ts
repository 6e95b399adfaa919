/** What happens to a run from outside: other processes, signals, closed pipes, data that moved. */
import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { writeImageFolder, kuosan, start, tinyModel } from './kuosan.ts';
import { runHere, runOrResume, workingFolder } from './run-here.ts';

const cwd = workingFolder('runs');

const train = { steps: 20, batchSize: 4, warmupSteps: 0, checkpointEvery: 10, sampleEvery: null };

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 9);
  writeFileSync(
    join(cwd, 'config.json'),
    JSON.stringify({ data: { source: 'images', size: 8 }, model: tinyModel, train }),
  );
});

const command = (out: string, ...more: string[]) => ['train', 'config.json', '--out', out, '--threads', '1', ...more];
const text = (...path: string[]) => readFileSync(join(cwd, ...path), 'utf8');
/** The steps that the log of a run has, in its order. */
const logged = (out: string) =>
  text(out, 'metrics.jsonl')
    .trimEnd()
    .split('\n')
    .map((line) => (JSON.parse(line) as { step: number }).step);

test('a run that goes on is resumed by nobody else, and is by anybody once its process is gone', async () => {
  const first = start(command('one', '--steps', '100000'), { cwd });
  while (!existsSync(join(cwd, 'one/latest'))) await delay(5);
  const second = await kuosan(command('one', '--steps', '100000', '--resume'), { cwd });
  expect([second.status, second.stderr]).toEqual([
    1,
    expect.stringMatching(
      /^kuosan: one: a process \(pid \d+ on [^)]+\) trains this run; stop it \(kill \d+\), choose another --out, or remove one\/run\.lock .*\n$/,
    ),
  ]);
  expect(second.stderr).toContain(`pid ${first.child.pid} on ${hostname()}`);
  first.child.kill('SIGKILL');
  await first.ended;
  const steps = Number(text('one/latest').trim().slice('step-'.length)) + 10;
  const third = await kuosan(command('one', '--steps', String(steps), '--resume'), { cwd });
  expect(third.status, third.stderr).toBe(0);
  expect(logged('one')).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
  expect(existsSync(join(cwd, 'one/run.lock'))).toBe(false);
}, 60_000);

const run = async (...args: string[]) => {
  const ended = await runOrResume(args);
  expect(ended.status, ended.stderr).toBe(0);
  return ended;
};
const refused = async (...args: string[]) => {
  const { status, stderr } = await runOrResume(args);
  expect([status, stderr.trim().split('\n').length], stderr).toEqual([1, 1]);
  return stderr;
};

test('a run goes on wherever its images lie, however that is spelled, and not with other images', async () => {
  cpSync(join(cwd, 'images'), join(cwd, 'here'), { recursive: true });
  await run(...command('moved', '--steps', '1', '--data', 'here'));
  await run(...command('moved', '--steps', '2', '--data', 'here/', '--resume'));
  await run(...command('moved', '--steps', '3', '--data', join(cwd, 'here'), '--resume'));
  renameSync(join(cwd, 'here'), join(cwd, 'there'));
  const gone = await refused('train', '--resume', '--out', 'moved', '--steps', '4', '--threads', '1');
  expect(gone).toContain("this is where the run's images were, where they are now is said by --data");
  const { stderr } = await run(...command('moved', '--steps', '4', '--data', 'there', '--resume'));
  expect(stderr).toContain(`note: data.source is "there" from here on, before ${JSON.stringify(join(cwd, 'here'))}\n`);
  expect(JSON.parse(text('moved/run.json'))).toMatchObject({ config: { data: { source: 'there' } } });
  expect(logged('moved')).toEqual([1, 2, 3, 4]);

  rmSync(join(cwd, 'there/000.png'));
  expect(await refused(...command('moved', '--steps', '5', '--data', 'there', '--resume'))).toContain(
    'its images differ from the images of the run',
  );
}, 120_000);

test('--resume needs the run and nothing else, and says what it changes', async () => {
  await run(
    'train',
    'config.json',
    '--out',
    'alone',
    '--threads',
    '1',
    '--model.dropout',
    '0.25',
    '--train.lrSchedule',
    'cosine',
  );
  const finished = await refused('train', '--resume', '--out', 'alone', '--threads', '1');
  expect(finished).toContain('alone: is finished at step 20');
  const { stderr } = await run(
    'train',
    '--resume',
    '--out',
    'alone',
    '--threads',
    '1',
    '--steps',
    '40',
    '--train.checkpointEvery',
    '7',
  );
  expect(stderr).toContain('resuming from step 20\n');
  expect(stderr).toContain('note: train.steps is 40 from here on, before 20\n');
  expect(stderr).toContain('note: train.checkpointEvery is 7 from here on, before 10\n');
  expect(stderr).toMatch(
    /^note: the cosine schedule ends at step 40 now: the learning rate goes from 1\.1e-6 to 9\.6e-5, and what comes is neither the run of 20 steps nor that of 40$/m,
  );
  expect(JSON.parse(text('alone/run.json'))).toMatchObject({ config: { model: { dropout: 0.25 } } });
  expect(await refused('train', '--resume', '--out', 'nowhere')).toContain('nowhere: there is no run to resume');
}, 120_000);

test('commands that measure a run on its data need no --data', async () => {
  const { stdout, stderr } = await run(
    'loss-by-noise',
    'alone',
    '--levels',
    '2',
    '--draws',
    '2',
    '--out',
    'noise.png',
    '--threads',
    '1',
  );
  expect(stderr).toContain('note: the data are images, as the run recorded; --data takes others\n');
  expect(stdout).toContain('noise.png');
  const { status, stderr: without } = await runHere(['loss-by-noise', 'noto-32']);
  expect([status, without]).toEqual([2, 'kuosan: --data is missing: a data set or a folder of images\n']);
}, 60_000);

const inside = 'lies inside the data set and would become part of it; give a path outside of';

test.each([
  [['data', 'images', '--out', 'images/grid.png'], '--out'],
  [['train', 'config.json', '--out', 'images/run'], '--out'],
  [['train', 'config.json', '--out', 'images/new/run'], '--out'],
  [['train', 'config.json', '--data', '.', '--out', 'run'], '--out'],
  [['train', 'config.json', '--out', 'link/run'], '--out'],
  [['search', 'emoji-clip', '--images', 'images', '--query', 'heart', '--out', 'images/sheet.png'], '--out'],
  [['embed', 'emoji-clip', '--images', 'images', '--out', 'images/e.npy'], '--out'],
  [['evaluate', 'noto-32', '--data', 'images', '--nearest', 'images/sheet.png'], '--nearest'],
  [['evaluate', '--images', 'images', '--data', 'noto-emoji', '--nearest', 'images/sheet.png'], '--nearest'],
  [['compare', 'noto-32', '--data', 'images', '--out', 'images/compare.png'], '--out'],
  [['loss-by-noise', 'noto-32', '--data', 'images', '--out', 'images/noise.png'], '--out'],
  [['sample', '--exact', 'images', '--out', 'images/grid.png'], '--out'],
  [['sample', '--exact', 'images', '--out', 'grid.png', '--images', 'images/samples'], '--images'],
  [['interpolate', '--exact', 'images', '--seeds', '1,2', '--out', 'b.png', '--gif', 'images/b.gif'], '--gif'],
] as const)(
  'what is written never gets among what is read: %j',
  async (args, option) => {
    if (!existsSync(join(cwd, 'link'))) symlinkSync(join(cwd, 'images'), join(cwd, 'link'));
    expect(await refused(...args)).toMatch(new RegExp(`^kuosan: ${option} "[^"]+" ${inside} "[^"]+"\n$`));
  },
  30_000,
);

test('the folder of a run is no part of the data around it', async () => {
  cpSync(join(cwd, 'images'), join(cwd, 'around'), { recursive: true });
  mkdirSync(join(cwd, 'around/run/checkpoints'), { recursive: true });
  mkdirSync(join(cwd, 'around/run/samples'));
  cpSync(join(cwd, 'images/000.png'), join(cwd, 'around/run/samples/step-000005.png'));
  writeFileSync(join(cwd, 'around/run/run.json'), '{}');
  const { stdout } = await run('data', 'around', '--size', '8', '--out', 'around.png');
  expect(stdout).toContain('around: 9 images of 8×8');
  expect(stdout).toContain('run is a training run: it is left out');
}, 30_000);

test('samples are not written among images of another time', async () => {
  const sample = (...more: string[]) => [
    'sample',
    '--exact',
    'images',
    '--steps',
    '2',
    '--out',
    's.png',
    '--images',
    'samples',
    ...more,
  ];
  await run(...sample('--count', '4'));
  await run(...sample('--count', '4', '--seed', '1'));
  const before = readFileSync(join(cwd, 'samples/00000.png'));
  expect(await refused(...sample('--count', '3', '--seed', '2'))).toBe(
    'kuosan: --images "samples": holds an image that these would not replace (00003.png); give a new folder, or remove it\n',
  );
  expect(readFileSync(join(cwd, 'samples/00000.png')).equals(before)).toBe(true);
  await run(...sample('--count', '5', '--seed', '2'));
}, 60_000);

test("demo's commands can be typed where a folder's name has a space", async () => {
  const { stdout } = await run('demo', '--out', 'my runs', '--steps', '1', '--threads', '1');
  expect(stdout).toContain("npx kuosan sample 'my runs' --count 64 --seed 1 --gif 'my runs/reverse.gif'");
}, 300_000);
