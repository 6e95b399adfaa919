/** The runs that are killed: one for each kind of loader, small enough that a whole one takes seconds. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RandomStream } from '../src/core/index.ts';
import { encodePng } from '../src/data/index.ts';
import { writeImageFolder, tinyModel } from '../test/kuosan.ts';

/** A run with its data in a folder. */
export interface KillRun {
  readonly name: string;
  /** Its last step. */
  readonly steps: number;
  /** Writes `<name>.json` and the data it names. */
  readonly prepare: (folder: string) => Promise<void>;
}

/** A folder of images by class: label dropout, dropout, accumulation, horizontal flips, sample grids, times drawn by their losses. */
const images: KillRun = {
  name: 'images',
  steps: 48,
  async prepare(folder) {
    for (const [label, count] of [
      ['apples', 37],
      ['pears', 29],
      ['plums', 31],
    ] as const)
      await writeImageFolder(join(folder, 'images-data', label), count, 48);
    await writeConfig(folder, 'images', {
      data: { source: 'images-data', size: 8, flip: true },
      model: { ...tinyModel, dropout: 0.2, numClassEmbeds: 4 },
      scheduler: { betaSchedule: 'cosine', numTrainTimesteps: 10 },
      objective: { labelDropout: 0.4, timeSampling: 'importance' },
      train: {
        ...training,
        batchSize: 4,
        gradientAccumulation: 2,
        sampleEvery: 16,
        sampleCount: 4,
        sampleSteps: 3,
        optimizer: 'adamw',
        groups: [{ maxRank: 1, weightDecay: 0 }],
      },
    });
  },
};

/** Images with captions from metadata.jsonl: a vocabulary that is learned, augmentations, captions chosen at random, shared negatives. */
const captions: KillRun = {
  name: 'captions',
  steps: 48,
  async prepare(folder) {
    const data = join(folder, 'captions-data');
    await mkdir(data, { recursive: true });
    const lines: string[] = [];
    for (const [color, rgb] of Object.entries(colors)) {
      for (let shade = 0; shade < 8; shade++) {
        const file = `${color}-${shade}.png`;
        const random = new RandomStream(1, `soak ${color}`, shade);
        const pixels = Uint8Array.from({ length: 24 * 24 * 3 }, (_, place) =>
          Math.min(255, rgb[place % 3]! + 4 * shade + random.integer(16)),
        );
        await writeFile(join(data, file), await encodePng({ data: pixels, width: 24, height: 24, channels: 3 }));
        lines.push(JSON.stringify({ file_name: file, text: `${color} in shade ${shade}`, tags: [color, 'shade'] }));
      }
    }
    await writeFile(join(data, 'metadata.jsonl'), lines.join('\n'));
    const tower = { hiddenSize: 32, intermediateSize: 64, numHiddenLayers: 1, numAttentionHeads: 2 };
    await writeConfig(folder, 'captions', {
      task: 'clip',
      data: { source: 'captions-data', size: 16, tagShare: 0.3, cropScale: 0.8 },
      tokenizer: { vocabSize: 560 },
      model: {
        projectionDim: 16,
        visionConfig: { ...tower, patchSize: 4 },
        textConfig: { ...tower, maxPositionEmbeddings: 24 },
      },
      train: { ...training, batchSize: 8, gradientAccumulation: 2, lrSchedule: 'cosine' },
    });
  },
};

export const killRuns: readonly KillRun[] = [images, captions];

const training = { steps: 48, warmupSteps: 4, checkpointEvery: 5, keepCheckpoints: 3, learningRate: 1e-3 } as const;

const colors = {
  red: [200, 30, 30],
  green: [30, 180, 30],
  blue: [30, 30, 200],
  yellow: [200, 200, 30],
  black: [10, 10, 10],
  pink: [200, 120, 160],
  brown: [120, 70, 20],
  white: [215, 215, 215],
} as const;

async function writeConfig(folder: string, name: string, config: object): Promise<void> {
  await writeFile(join(folder, `${name}.json`), JSON.stringify(config, null, 2));
}
