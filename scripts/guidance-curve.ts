/**
 * Diversity against fidelity over guidance: evaluates models of text to image at several guidance scales, as `kuosan
 * evaluate` does, and draws Fréchet distance, CLIP score, precision and recall over the scale, one line a model.
 *
 *     npm run guidance-curve -- <model> [<model> …] --data <images> --clip <judge> [--files <list>] [--features <network>]
 *       [--scales 1,2,3,5,8] [--count 300] [--seed 0] [--threads 1] [--out guidance-curve.png]
 *
 * The numbers stand next to the figure (`guidance-curve.json`), each with the command that it comes from. What the file
 * has is not measured again, so a stopped curve goes on.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { renderFigure, writePng } from '../src/data/index.ts';
import { guidanceFigure, type GuidancePoint } from './guidance-figure.ts';

const { positionals: models, values } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: 'string' },
    clip: { type: 'string' },
    files: { type: 'string' },
    features: { type: 'string' },
    scales: { type: 'string', default: '1,2,3,5,8' },
    count: { type: 'string', default: '300' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '1' },
    out: { type: 'string', default: 'guidance-curve.png' },
  },
});
const { data, clip, out } = values;
if (models.length === 0 || data === undefined || clip === undefined || !out.endsWith('.png'))
  throw new Error(
    'usage: npm run guidance-curve -- <model> [<model> …] --data <images> --clip <judge> [--out curve.png]',
  );
const scales = values.scales.split(',').map(Number);
if (scales.length < 2 || scales.some((scale) => !(scale >= 0)))
  throw new Error(`--scales: expected two numbers or more with commas between them, got ${values.scales}`);

/** What `kuosan evaluate --json` prints, as far as it is drawn. */
interface Report {
  readonly features: {
    readonly frechetDistance: number;
    readonly precision: number;
    readonly recall: number;
    readonly realBaseline: { readonly frechetDistance: number; readonly precision: number; readonly recall: number };
  };
  readonly alignment: {
    readonly generated: { readonly clipScore: number };
    readonly real?: { readonly clipScore: number };
  };
}

/** By the command that printed it. */
const file = out.replace(/png$/, 'json');
const known = (existsSync(file) ? JSON.parse(await readFile(file, 'utf8')) : {}) as Record<string, Report>;
const program = ['--import', import.meta.resolve('tsx'), fileURLToPath(new URL('../src/cli/main.ts', import.meta.url))];

const curves: { model: string; points: GuidancePoint[] }[] = [];
let real: Report | undefined;
for (const model of models) {
  const points: GuidancePoint[] = [];
  for (const scale of scales) {
    const report = await measured(model, scale);
    real ??= report;
    points.push({
      scale,
      frechetDistance: report.features.frechetDistance,
      clipScore: report.alignment.generated.clipScore,
      precision: report.features.precision,
      recall: report.features.recall,
    });
  }
  curves.push({ model, points });
}
const { realBaseline } = real!.features;
await writePng(
  out,
  await renderFigure(
    guidanceFigure(curves, {
      frechetDistance: realBaseline.frechetDistance,
      clipScore: real!.alignment.real?.clipScore,
      precision: realBaseline.precision,
      recall: realBaseline.recall,
    }),
  ),
);
process.stdout.write(`${out}: ${models.join(', ')} at the scales ${scales.join(', ')}; the numbers are in ${file}\n`);

async function measured(model: string, scale: number): Promise<Report> {
  const { files, features, count, seed, threads } = values;
  const asked = Object.entries({ data, files, clip, features, count, seed, 'guidance-scale': String(scale) });
  const words = [
    'evaluate',
    model,
    ...asked.flatMap(([option, value]) => (value === undefined ? [] : [`--${option}`, value])),
  ];
  const command = `kuosan ${words.join(' ')}`;
  if (!known[command]) {
    process.stderr.write(`${command}\n`);
    const { stdout } = await promisify(execFile)(process.execPath, [
      ...program,
      ...words,
      '--threads',
      threads,
      '--json',
    ]);
    known[command] = JSON.parse(stdout) as Report;
    await writeFile(file, `${JSON.stringify(known, null, 2)}\n`);
  }
  return known[command];
}
