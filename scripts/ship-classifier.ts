/**
 * Puts a trained classifier into `pretrained/<name>/`: float16 weights and a model card.
 *
 *     npx tsx scripts/ship-classifier.ts <run> <name> "<what it tells apart>" "<data and license>" "<command>"
 */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { latestCheckpoint, readClassifierFolder, readRun, writeClassifierFolder } from '../src/checkpoint/index.ts';
import { countParameters } from '../src/nn/index.ts';
import { configuredRun, type MetricsLine } from '../src/train/index.ts';

const [run, name, subject, data, command] = process.argv.slice(2);
if (!run || !name || !subject || !data || !command) throw new Error('usage: tsx scripts/ship-classifier.ts <run> <name> <what it tells apart> <data and license> <command>');

const checkpoint = await latestCheckpoint(run);
if (!checkpoint) throw new Error(`${run}: no checkpoint`);
const { model, weights } = await readClassifierFolder(checkpoint.path);
const { train } = configuredRun((await readRun(run)).config);
const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as MetricsLine).filter(({ step }) => step <= checkpoint.step);
const measured = lines.findLast(({ evaluation }) => evaluation)?.evaluation;
if (!measured) throw new Error(`${run}: was not measured; set train.evaluateEvery`);
const minutes = lines.reduce((total, line) => total + (train.batchSize * train.gradientAccumulation) / line.imagesPerSecond, 0) / 60;

const out = join('pretrained', name);
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await writeClassifierFolder(out, { model, weights, dtype: 'f16' });
const { size } = await stat(join(out, 'model.safetensors'));
const { sampleSize, inChannels, blockOutChannels, classNames } = model.config;

await writeFile(join(out, 'README.md'), `# ${name}

${subject}

    npx kuosan evaluate runs/clothes --data fashion-mnist --features ${name}

| | |
|---|---|
| network | a residual network of ${countParameters(model).toLocaleString('en-US')} parameters over ${inChannels} × ${sampleSize} × ${sampleSize}; its features are the last stage's ${blockOutChannels.at(-1)} channels, averaged over the picture |
| classes | ${classNames.join(', ')} |
| accuracy | ${((measured['accuracy'] ?? 0) * 100).toFixed(2)} % of the held-out pictures (cross-entropy ${(measured['testLoss'] ?? 0).toFixed(3)} nats) |
| weights | the moving average of training, float16, ${(size / 1e6).toFixed(2)} MB |
| data | ${data} |
| command | \`${command}\` |
| seed | ${train.seed} |
| training | ${checkpoint.step.toLocaleString('en-US')} steps of ${train.batchSize} pictures, ${minutes.toFixed(0)} minutes on two processor cores that had other work too |
| license | MIT |

Distances of its features are not the FID, and mean something only beside others of the same network, the same data and the same
number of pictures: \`kuosan evaluate\` prints those beside each number.
`);
console.log(`${out}: step ${checkpoint.step}, accuracy ${measured['accuracy']}, ${(size / 1e6).toFixed(2)} MB`);
