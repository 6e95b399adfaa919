import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeImageFolder, kuosan, start, tinyModel } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-full-disk-'));
const disk = join(cwd, 'disk');
mkdirSync(disk);

/** A small disk of its own, which only the super-user of a Linux machine can have. */
const mounted = process.platform === 'linux' && process.getuid?.() === 0 && mount('size=64m');
function mount(options: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', disk], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
const resize = (kilobytes: number) => execFileSync('mount', ['-o', `remount,size=${kilobytes}k`, disk]);

const last = 'checkpoints/step-000060';
const config = {
  data: { source: 'images', size: 8 },
  model: tinyModel,
  train: {
    steps: 60,
    batchSize: 4,
    warmupSteps: 10,
    checkpointEvery: 10,
    keepCheckpoints: null,
    sampleEvery: 5,
    sampleCount: 2,
    sampleSteps: 2,
  },
};

beforeAll(async () => {
  await writeImageFolder(join(cwd, 'images'), 5);
  writeFileSync(join(cwd, 'config.json'), JSON.stringify(config));
});
afterAll(() => {
  if (mounted) execFileSync('umount', [disk]);
  rmSync(cwd, { recursive: true, force: true });
});

const command = (out: string, ...more: string[]) => ['train', 'config.json', '--out', out, '--threads', '1', ...more];
const latest = (out: string) =>
  existsSync(join(cwd, out, 'latest')) ? readFileSync(join(cwd, out, 'latest'), 'utf8').trim() : '';

/** What must not depend on an interruption. */
function result(out: string) {
  const metrics = readFileSync(join(cwd, out, 'metrics.jsonl'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => ({ ...(JSON.parse(line) as object), imagesPerSecond: 0 }));
  const digest = (file: string) =>
    execFileSync('sha256sum', [join(cwd, out, last, file)])
      .toString()
      .split(' ')[0];
  return {
    metrics,
    weights: digest('unet/diffusion_pytorch_model.safetensors'),
    state: digest('training/state.safetensors'),
  };
}

describe.runIf(mounted)('a disk that is full (needs a disk of its own: Linux, as root)', () => {
  let whole: ReturnType<typeof result>;
  beforeAll(async () => {
    const { status, stderr } = await kuosan(command('whole'), { cwd });
    expect(status, stderr).toBe(0);
    whole = result('whole');
  }, 60_000);

  /** The run has ended with one line, its newest checkpoint generates images, and with space again it goes on to the same end. */
  async function expectResumable(
    out: string,
    ended: { status: unknown; stderr: string },
    free: () => void,
  ): Promise<void> {
    expect(ended.status, ended.stderr).toBe(1);
    const step = Number(latest(out).slice('step-'.length));
    expect(step).toBeGreaterThan(0);
    const message = ended.stderr.split('\n').find((line) => line.startsWith('kuosan: '))!;
    expect(message).toMatch(
      /^kuosan: .* cannot be written, no space left on the disk; .* is whole, and --resume continues from it$/,
    );
    expect(message).toMatch(new RegExp(`step[ -]0*${step} is whole`));
    // Nothing half-written under a name that counts.
    const drawn = await kuosan(['sample', out, '--count', '1', '--steps', '2', '--out', 'x.png'], { cwd });
    expect(drawn.status, drawn.stderr).toBe(0);
    const stillFull = await kuosan(command(out, '--resume'), { cwd });
    expect(stillFull.status, stillFull.stderr).toBe(1);
    expect(stillFull.stderr).toMatch(/no space left on the disk; [^\n]+\n$/);
    free();
    const resumed = await kuosan(command(out, '--resume'), { cwd });
    expect(resumed.status, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain(`resuming from step ${step}\n`);
    expect(result(out)).toEqual(whole);
    expect(readdirSync(join(cwd, out, 'checkpoints')).filter((name) => name.startsWith('.'))).toEqual([]);
  }

  test('while a checkpoint is written: the one before it is whole, and the run goes on when there is space', async () => {
    // Three checkpoints and a half of 0.7 MB.
    resize(2600);
    const ended = await kuosan(command('disk/small'), { cwd });
    await expectResumable('disk/small', ended, () => resize(64 * 1024));
  }, 120_000);

  test('at any moment, to the last byte: logs and grids that cannot be written leave the run as it was', async () => {
    resize(64 * 1024);
    const { child, ended } = start(command('disk/sudden'), { cwd });
    while (latest('disk/sudden') === '' && child.exitCode === null) await delay(2);
    const { bavail, bsize } = statfsSync(disk);
    const ballast = join(disk, 'ballast');
    // A little more than there is: the write ends at the last byte.
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize + 2 ** 20));
    } catch {
      /* no space left, as meant */
    }
    await expectResumable('disk/sudden', await ended, () => rmSync(ballast));
  }, 120_000);

  test('when a run is started: nothing is left that looks like one', async () => {
    const ballast = join(disk, 'ballast');
    const { bavail, bsize } = statfsSync(disk);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize + 2 ** 20));
    } catch {
      /* as meant */
    }
    const ended = await kuosan(command('disk/new'), { cwd });
    expect(ended.status).toBe(1);
    expect(ended.stderr).toMatch(/^kuosan: disk\/new: .*no space left on the disk; [^\n]+\n$/);
    rmSync(ballast);
    const again = await kuosan(command('disk/new', '--steps', '1'), { cwd });
    expect(again.status, again.stderr).toBe(0);
  }, 60_000);
});
