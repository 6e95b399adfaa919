/**
 * Puts a trained run's model into `pretrained/<name>/`: float16 weights and a model card.
 *
 *     npx tsx scripts/ship-model.ts <run> <name> "<what it draws>" "<data and license>" "<command>"
 */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { latestCheckpoint, readModelFolder, readRun, writeModelFolder } from '../src/checkpoint/index.ts';
import { describeProcess } from '../src/diffusion/index.ts';
import { countParameters } from '../src/nn/index.ts';
import { parseDdpmConfig, type MetricsLine } from '../src/train/index.ts';

const [run, name, subject, data, command] = process.argv.slice(2);
if (!run || !name || !subject || !data || !command) throw new Error('usage: tsx scripts/ship-model.ts <run> <name> <what it draws> <data and license> <command>');

const checkpoint = await latestCheckpoint(run);
if (!checkpoint) throw new Error(`${run}: no checkpoint`);
const model = await readModelFolder(checkpoint.path);
const config = parseDdpmConfig((await readRun(run)).config);
const lines = (await readFile(join(run, 'metrics.jsonl'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as MetricsLine).filter(({ step }) => step <= checkpoint.step);
const last = lines.slice(-500);
const loss = last.reduce((total, line) => total + line.loss, 0) / last.length;
const pictures = config.train.batchSize * config.train.gradientAccumulation;
const minutes = lines.reduce((total, line) => total + pictures / line.imagesPerSecond, 0) / 60;

const out = join('pretrained', name);
await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await writeModelFolder(out, { ...model, dtype: 'f16' });
const { size } = await stat(join(out, 'unet', 'diffusion_pytorch_model.safetensors'));
const { sampleSize } = model.unet.config;

await writeFile(join(out, 'README.md'), `# ${name}

${subject}

    npx kuosan sample ${name} --count 64 --out grid.png

| | |
|---|---|
| network | \`UNet2DModel\`, ${countParameters(model.unet).toLocaleString('en-US')} parameters, ${model.unet.config.inChannels} × ${String(sampleSize)} × ${String(sampleSize)}; its configuration is \`unet/config.json\` |
| weights | the moving average of training, float16, ${(size / 1e6).toFixed(1)} MB; Python's \`DDPMPipeline.from_pretrained\` opens the folder |
| process | ${describeProcess(model.scheduler)} |
| data | ${data} |
| command | \`${command}\` |
| seed | ${config.train.seed} |
| training | ${checkpoint.step.toLocaleString('en-US')} steps of ${pictures} pictures, ${minutes.toFixed(0)} minutes on two processor cores that had other work too |
| loss | ${loss.toFixed(4)}, the mean ε-error of the last ${last.length} steps |
| license | MIT for the weights; the pictures it learned from are Apache-2.0 |

It has seen nothing but these pictures, so it draws emoji and nothing else. With so few pictures to learn from, some
samples are close to pictures of the data set.
`);
console.log(`${out}: step ${checkpoint.step}, loss ${loss.toFixed(4)}, ${(size / 1e6).toFixed(1)} MB`);
