/**
 * Puts a trained run's model into `pretrained/<name>/`: float16 weights, and a card of what `cards.ts` says and the run shows.
 *
 *     npx tsx scripts/ship.ts <run> <name>
 */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  latestCheckpoint,
  readClassifierFolder,
  readClipFolder,
  readModelFolder,
  readRun,
  writeClassifierFolder,
  writeClipFolder,
  writeModelFolder,
} from '../src/checkpoint/index.ts';
import { describeProcess } from '../src/diffusion/index.ts';
import { openAIPreprocessing } from '../src/models/index.ts';
import { countParameters } from '../src/nn/index.ts';
import { configuredRun, type MetricsLine } from '../src/train/index.ts';
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
const { weights, rows, head = '', rest = '' } = await ship(String(config['task'] ?? 'ddpm'), checkpoint.path);
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

/** Writes the model in float16; the file of its weights, what its kind has to say, and what stands around that in its card. */
async function ship(
  task: string,
  from: string,
): Promise<{
  readonly weights: string;
  readonly rows: readonly Row[];
  readonly head?: string;
  readonly rest?: string;
}> {
  if (task === 'ddpm') {
    const model = await readModelFolder(from);
    await writeModelFolder(out, { ...model, dtype: 'f16' });
    const { inChannels, sampleSize } = model.unet.config;
    return {
      weights: join('unet', 'diffusion_pytorch_model.safetensors'),
      ...(await around()),
      rows: [
        [
          'network',
          `\`UNet2DModel\`, ${count(model.unet)} parameters, ${inChannels} × ${String(sampleSize)} × ${String(sampleSize)}; its configuration is \`unet/config.json\``,
        ],
        ['process', describeProcess(model.scheduler)],
        ...(model.classes ? [['classes', model.classes.names.join(', ')] as const] : []),
      ],
    };
  }
  if (task === 'classifier') {
    const { model, weights } = await readClassifierFolder(from);
    await writeClassifierFolder(out, { model, weights, dtype: 'f16' });
    const { sampleSize, inChannels, blockOutChannels, classNames } = model.config;
    return {
      weights: 'model.safetensors',
      rows: [
        [
          'network',
          `a residual network of ${count(model)} parameters over ${inChannels} × ${sampleSize} × ${sampleSize}; its features are the last stage's ${blockOutChannels.at(-1)} channels, averaged over the image`,
        ],
        ['classes', classNames.join(', ')],
        [
          'accuracy',
          `${((measured['accuracy'] ?? 0) * 100).toFixed(2)} % of the held-out images (cross-entropy ${(measured['testLoss'] ?? 0).toFixed(3)} nats)`,
        ],
      ],
    };
  }
  const clip = await readClipFolder(from);
  const { model } = clip;
  // A run's data set is resized with Lanczos, also where its folder was written before it said so.
  await writeClipFolder(out, {
    ...clip,
    preprocessing: { ...(clip.preprocessing ?? openAIPreprocessing), resample: 'lanczos' },
    dtype: 'f16',
  });
  const { visionConfig: vision, textConfig: text } = model.config;
  return {
    weights: 'model.safetensors',
    ...(await around()),
    rows: [
      [
        'network',
        `\`CLIPModel\`, ${count(model)} parameters: images of ${vision.imageSize} × ${vision.imageSize} in patches of ${vision.patchSize}, ${vision.numHiddenLayers} blocks of ${vision.hiddenSize}; texts of at most ${text.maxPositionEmbeddings} of ${text.vocabSize.toLocaleString('en-US')} tokens, ${text.numHiddenLayers} blocks of ${text.hiddenSize}; embeddings of ${model.config.projectionDim}`,
      ],
    ],
  };
}

/** What stands around the table in the card that the folder was written with: front matter, and Python that uses it. */
async function around(): Promise<{ readonly head: string; readonly rest: string }> {
  const [, front, python] = /^(---\n.*?---\n).*?(With Node.*)$/s.exec(await readFile(join(out, 'README.md'), 'utf8'))!;
  return { head: `${front}\n`, rest: python! };
}

function count(model: Parameters<typeof countParameters>[0]): string {
  return countParameters(model).toLocaleString('en-US');
}
