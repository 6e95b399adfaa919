/** A small CLIP that knows eight colors, trained before the tests of a file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { beforeAll } from 'vitest';
import type { Ended } from './kuosan.ts';
import { runHere, workingFolder } from './run-here.ts';

/** Runs a command on one thread of the processor. */
export function run(...words: string[]): Promise<Ended> {
  return runHere([...words, ...(words[0] === 'tokenizer' ? [] : ['--threads', '1', '--device', 'cpu'])]);
}

export const colors = ['red', 'lime', 'blue', 'yellow', 'black', 'white', 'cyan', 'magenta'];
const tower = { intermediateSize: 32, numHiddenLayers: 1, numAttentionHeads: 2, hiddenSize: 16 };
const config = {
  task: 'clip',
  data: { source: 'images', size: 8, cropScale: 1 },
  tokenizer: { vocabSize: 540 },
  model: {
    projectionDim: 8,
    visionConfig: { ...tower, patchSize: 4 },
    textConfig: { ...tower, maxPositionEmbeddings: 10 },
  },
  train: { steps: 80, batchSize: 8, learningRate: 5e-3, warmupSteps: 5, ema: { decay: 0.8 }, checkpointEvery: 80 },
};

/** Makes the current folder: `images`, a color each with its name, `config.json`, and `run`, the CLIP trained with it. */
export function smallClip(): void {
  workingFolder('clip');
  beforeAll(async () => {
    mkdirSync('images');
    for (const color of colors) {
      await sharp({ create: { width: 8, height: 8, channels: 3, background: color } })
        .png()
        .toFile(`images/${color}.png`);
      writeFileSync(`images/${color}.txt`, color);
    }
    writeFileSync('config.json', JSON.stringify(config));
    const { status, stderr } = await run('train', 'config.json', '--out', 'run');
    if (status !== 0) throw new Error(stderr);
  }, 60_000);
}
