/** Runs that are measured on the way, and the memory that measuring takes. */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { writeImageFolder, tinyModel } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';
import { writeTinyClassifier } from './tiny-models.ts';

const cwd = workingFolder('measured-run');

const evaluate = (...args: string[]) => runHere(['evaluate', ...args, '--device', 'cpu', '--threads', '1']);

beforeAll(() => writeImageFolder(join(cwd, 'images'), 40));

describe('a run of DDPM that is measured on the way', () => {
  const train = {
    steps: 6,
    batchSize: 4,
    checkpointEvery: 6,
    sampleEvery: null,
    evaluateEvery: 3,
    evaluateFeatures: 'measuring',
    evaluateCount: 8,
    evaluateSteps: 2,
  };
  const run = (...args: string[]) => runHere(['train', 'measured.json', '--device', 'cpu', '--threads', '1', ...args]);

  beforeAll(async () => {
    await writeTinyClassifier(join(cwd, 'measuring'));
    writeFileSync(
      join(cwd, 'measured.json'),
      JSON.stringify({ data: { source: 'images', size: 8 }, model: tinyModel, train }),
    );
  });

  test.each([
    ['steps', []],
    ['flow', ['--scheduler.process', 'flow']],
    ['edm', ['--scheduler.process', 'edm']],
  ])(
    'has the distances in its metrics, and they are those of kuosan evaluate: %s',
    async (process, options) => {
      const out = `measured-${process}`;
      const { status, stderr } = await run('--out', out, ...options);
      expect(status, stderr).toBe(0);
      const lines = readFileSync(join(cwd, out, 'metrics.jsonl'), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { evaluation?: Record<string, number> });
      expect(lines.map(({ evaluation }) => evaluation !== undefined)).toEqual([false, false, true, false, false, true]);
      const report = JSON.parse(
        (
          await evaluate(
            out,
            '--data',
            'images',
            '--features',
            'measuring',
            '--count',
            '8',
            '--sampler',
            'ddim',
            '--steps',
            '2',
            '--json',
          )
        ).stdout,
      ) as { features: { frechetDistance: number; realBaseline: { frechetDistance: number } } };
      const { frechetDistance, frechetRealBaseline } = lines.at(-1)!.evaluation!;
      // Weights as constants and weights in a store are computed by other kernels.
      expect(report.features.frechetDistance / frechetDistance!).toBeCloseTo(1, 3);
      expect(report.features.realBaseline.frechetDistance).toBe(frechetRealBaseline);
    },
    180_000,
  );

  test('that enlarges images is measured on those of the data', async () => {
    const { status, stderr } = await run(
      '--out',
      'measured-larger',
      '--model.inChannels',
      '6',
      '--objective.superResolution.factor',
      '2',
    );
    expect(status, stderr).toBe(0);
    const [line] = readFileSync(join(cwd, 'measured-larger/metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((text) => JSON.parse(text) as { evaluation?: Record<string, number> })
      .slice(-1);
    expect(line!.evaluation!['frechetDistance']).toBeGreaterThan(0);
  }, 180_000);

  test('of a process without steps has no bound to be measured', async () => {
    expect(
      (await runHere(['evaluate', 'measured-flow', '--data', 'images', '--bpd', '--device', 'cpu'])).stderr.trim(),
    ).toBe(
      "kuosan: measured-flow: --bpd needs a discrete-time process, and this model's is continuous; leave --bpd out",
    );
  }, 180_000);

  test('is measured with what evaluate takes where nothing is named', async () => {
    const { status, stderr } = await run('--out', 'measured-by-clip', '--train.evaluateFeatures', 'null');
    expect(status, stderr).toBe(0);
    const best = readFileSync(join(cwd, 'measured-by-clip/best'), 'utf8');
    expect(best).toContain('CLIP image embeddings (emoji-clip), 8 images, 2 steps');
  }, 180_000);
});

test('fifty thousand images need no more memory than five hundred, from the real ones to the last distance', async () => {
  const script = fileURLToPath(new URL('evaluation-memory-run.ts', import.meta.url));
  const peak = async (count: number) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--import',
      import.meta.resolve('tsx'),
      script,
      String(count),
      join(cwd, `peak-${count}.jsonl`),
    ]);
    return JSON.parse(stdout) as number;
  };
  const [few, many] = await Promise.all([peak(500), peak(50_000)]);
  // Four times 2,000 features are 3 MB more than four times 500, and garbage moves by ten. All features of one set would be 26 MB,
  // its images 38 MB, and a square of 2,000 products 32 MB, of which there were six.
  expect(many - few, `${few.toFixed(1)} MB at most of 500, ${many.toFixed(1)} MB of 50,000`).toBeLessThan(20);
}, 180_000);
