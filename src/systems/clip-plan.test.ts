import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { readClipFolder } from '../checkpoint/index.ts';
import { encodePng, trainTokenizer } from '../data/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { describeClip } from './clip-plan.ts';
import { configuredRun } from './configured-run.ts';
import { trainingRun, type RunEvent } from '../train/run.ts';

const node = createNodeExecutor({ threads: 1, worker: false });
const root = mkdtempSync(join(tmpdir(), 'kuosan-clip-'));
const data = join(root, 'images');
afterAll(async () => {
  vi.unstubAllEnvs();
  await node.dispose();
  rmSync(root, { recursive: true, force: true });
});

const colors = {
  red: [220, 30, 30],
  green: [30, 200, 30],
  blue: [30, 30, 220],
  yellow: [220, 220, 30],
  black: [10, 10, 10],
  white: [250, 250, 250],
  pink: [250, 120, 180],
  brown: [120, 70, 20],
} as const;
const places = ['left', 'right', 'top', 'bottom'] as const;
const size = 16;

/** A square of a color at one side, on gray; two hands draw it a little differently. */
async function draw(color: readonly number[], place: string, hand: number): Promise<Uint8Array> {
  const pixels = new Uint8Array(size * size * 3).fill(128 + 10 * hand);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = { left: x < 6 + hand, right: x >= 10 - hand, top: y < 6 + hand, bottom: y >= 10 - hand }[place];
      if (inside) pixels.set(color, (y * size + x) * 3);
    }
  }
  return encodePng({ data: pixels, width: size, height: size, channels: 3 });
}

beforeAll(async () => {
  vi.stubEnv('KUOSAN_CACHE', join(root, 'cache'));
  const lists: Record<string, string[]> = { 0: [], 1: [] };
  for (const hand of [0, 1]) {
    mkdirSync(join(data, `hand-${hand}`), { recursive: true });
    const lines: string[] = [];
    for (const [name, color] of Object.entries(colors)) {
      for (const place of places) {
        const file = `${name}-${place}.png`;
        writeFileSync(join(data, `hand-${hand}`, file), await draw(color, place, hand));
        lines.push(JSON.stringify({ file_name: file, text: `${name} ${place}`, tags: [name] }));
        lists[hand]!.push(`hand-${hand}/${file}`);
      }
    }
    writeFileSync(join(data, `hand-${hand}`, 'metadata.jsonl'), lines.join('\n'));
  }
  writeFileSync(join(data, 'train.txt'), lists[0]!.join('\n'));
  writeFileSync(join(data, 'test.txt'), lists[1]!.join('\n'));
});

const tower = { intermediateSize: 64, numHiddenLayers: 1, numAttentionHeads: 2 };
const config = {
  task: 'clip',
  data: {
    source: data,
    size,
    files: 'train.txt',
    testFiles: 'test.txt',
    templates: ['{}', 'a square that is {}'],
    tagShare: 0.2,
    cropScale: 0.95,
  },
  tokenizer: { vocabSize: 560 },
  model: {
    projectionDim: 16,
    visionConfig: { ...tower, hiddenSize: 32, patchSize: 4 },
    textConfig: { ...tower, hiddenSize: 32, maxPositionEmbeddings: 24 },
  },
  train: {
    steps: 120,
    batchSize: 8,
    gradientAccumulation: 2,
    optimizer: 'adamw',
    weightDecay: 0.2,
    betas: [0.9, 0.98],
    eps: 1e-6,
    groups: [{ maxRank: 1, weightDecay: 0 }],
    learningRate: 4e-3,
    warmupSteps: 5,
    lrSchedule: 'cosine',
    ema: { decay: 0.9 },
    evaluateEvery: 120,
    evaluateCount: 32,
    checkpointEvery: 60,
  },
} as const;

type Changes = { readonly [section in 'data' | 'train' | 'model' | 'tokenizer']?: object };
const changed = (changes: Changes = {}) => ({
  ...config,
  ...Object.fromEntries(
    Object.entries(changes).map(([key, value]) => [key, { ...(config[key as keyof Changes] as object), ...value }]),
  ),
});

async function run(
  out: string,
  changes: Changes = {},
  options: { resume?: boolean; skipBad?: boolean } = {},
): Promise<RunEvent[]> {
  const plan = await configuredRun(changed(changes)).plan({
    ...options,
    ...(options.resume && { resumeFrom: join(root, out) }),
  });
  const events: RunEvent[] = [];
  for await (const event of trainingRun(plan, { out: join(root, out), executor: node, ...options })) events.push(event);
  return events;
}

const steps = (events: readonly RunEvent[]) => events.filter((event) => event.type === 'step');

describe('a training run of CLIP', () => {
  test('leaves ln(batch), names images by another hand, and saves a model that opens', async () => {
    const done = steps(await run('whole'));
    const batch = 16;
    // At the start nothing is told apart, give or take what random vectors do at a temperature of 0.07.
    expect(Math.abs(done[0]!.loss - Math.log(batch))).toBeLessThan(1);
    expect(done[0]!.measures!['logit_scale']).toBeCloseTo(2.6592, 4);
    expect(done.at(-1)!.loss).toBeLessThan(0.5 * Math.log(batch));
    expect(done.at(-1)!.measures!['image_accuracy']).toBeGreaterThan(0.5);
    // Chance is 1 of 32, and 5 of 32.
    expect(done.at(-1)!.evaluation!['zeroShotTop1']).toBeGreaterThan(0.25);
    expect(done.at(-1)!.evaluation!['zeroShotTop5']).toBeGreaterThan(0.6);
    const { model, tokenizer } = await readClipFolder(join(root, 'whole/checkpoints/step-000120'));
    expect(model.config).toMatchObject({
      projectionDim: 16,
      visionConfig: { imageSize: size, patchSize: 4 },
      textConfig: { maxPositionEmbeddings: 24 },
    });
    expect(tokenizer).not.toBeNull();
    const line = JSON.parse(readFileSync(join(root, 'whole/metrics.jsonl'), 'utf8').split('\n')[0]!) as Record<
      string,
      unknown
    >;
    expect(line).toMatchObject({
      step: 1,
      measures: {
        image_accuracy: expect.any(Number),
        text_accuracy: expect.any(Number),
        logit_scale: expect.any(Number),
      },
    });
  }, 60_000);

  test('goes on bit for bit after it was stopped', async () => {
    const short = { train: { steps: 20, checkpointEvery: 10, evaluateEvery: null } };
    const whole = steps(await run('a', short));
    await run('b', short);
    // As if it had been stopped before its last checkpoint.
    rmSync(join(root, 'b/checkpoints/step-000020'), { recursive: true });
    const rest = steps(await run('b', short, { resume: true }));
    expect(rest.map(({ step, loss, measures }) => ({ step, loss, measures }))).toEqual(
      whole.slice(10).map(({ step, loss, measures }) => ({ step, loss, measures })),
    );
    for (const file of ['model.safetensors', 'tokenizer.json', 'config.json']) {
      expect(
        readFileSync(join(root, 'b/checkpoints/step-000020', file)).equals(
          readFileSync(join(root, 'a/checkpoints/step-000020', file)),
        ),
        file,
      ).toBe(true);
    }
  }, 60_000);

  test('takes its vocabulary from a file, and where it goes on from its checkpoint', async () => {
    const file = join(root, 'tokenizer.json');
    const write = (texts: readonly string[]) => {
      writeFileSync(file, JSON.stringify(trainTokenizer(texts, { vocabSize: 530 }).json));
    };
    write(['red green blue yellow', 'red green blue yellow']);
    const given = readFileSync(file, 'utf8');
    const own = { ...config, tokenizer: { file }, train: { ...config.train, steps: 1, evaluateEvery: null } };
    const trained = async (steps: number, resume: boolean) => {
      const out = join(root, 'file');
      const plan = await configuredRun({ ...own, train: { ...own.train, steps } }).plan(
        resume ? { resumeFrom: out } : {},
      );
      for await (const event of trainingRun(plan, { out, executor: node, resume }))
        if (event.type === 'end') expect(event.step).toBe(steps);
      return JSON.stringify((await readClipFolder(join(out, `checkpoints/step-00000${steps}`))).tokenizer);
    };
    expect(await trained(1, false)).toBe(given);
    // As many tokens, and others.
    write(['left right top bottom', 'left right top bottom']);
    expect(readFileSync(file, 'utf8')).not.toBe(given);
    expect(await trained(2, true)).toBe(given);
  }, 60_000);

  test('begins with the weights and the vocabulary of a trained model, and leaves its folder alone', async () => {
    await run('first', { train: { steps: 30, checkpointEvery: 30, evaluateEvery: null } });
    const init = join(root, 'first');
    const before = readFileSync(join(init, 'checkpoints/step-000030/model.safetensors'));
    // Updates too small to be seen, and other captions, whose own vocabulary would be another.
    const still = {
      data: { templates: ['my {}'] },
      tokenizer: { vocabSize: 530 },
      train: { steps: 1, learningRate: 1e-30, init, evaluateEvery: null },
    };
    await run('begun', still);
    const [first, begun] = await Promise.all(
      ['first/checkpoints/step-000030', 'begun/checkpoints/step-000001'].map((path) =>
        readClipFolder(join(root, path)),
      ),
    );
    expect(begun!.tokenizer).toEqual(first!.tokenizer);
    for (const [name, { data: values }] of first!.weights)
      begun!.weights.get(name)!.data.forEach((value, i) => {
        expect(Number(value)).toBeCloseTo(Number(values[i]), 12);
      });
    expect(readFileSync(join(init, 'checkpoints/step-000030/model.safetensors')).equals(before)).toBe(true);

    // What it has learned is there from the first step on.
    const loss = async (name: string, from: string | null) =>
      steps(await run(name, { train: { steps: 1, init: from, evaluateEvery: null } }))[0]!.loss;
    expect(await loss('with', init)).toBeLessThan((await loss('without', null)) - 0.5);

    // To go on it needs its own checkpoint alone.
    rmSync(init, { recursive: true });
    expect(steps(await run('begun', { ...still, train: { ...still.train, steps: 2 } }, { resume: true }))).toHaveLength(
      1,
    );
  }, 60_000);

  test('wants captions with tags where tags are to stand alone', async () => {
    await expect(run('refused', { data: { tagShare: 0, tagsAlone: 0.5 } })).rejects.toThrow(
      'config.data.tagsAlone needs data.tagShare; set both',
    );
  });

  test('says what it cannot begin with', async () => {
    await run('narrow', { train: { steps: 1, evaluateEvery: null } });
    const init = join(root, 'narrow');
    await expect(run('refused', { model: { projectionDim: 8 }, train: { init } })).rejects.toThrow(
      /config\.train\.init: .*step-000001: tensor "visual_projection\.weight" is \[16, 32\], expected \[8, 32\] \(and 1 more of another shape\); give config\.model the settings of that model/,
    );
    await expect(
      run('refused', { tokenizer: { vocabSize: undefined, file: 'tokenizer.json' }, train: { init } }),
    ).rejects.toThrow('config.tokenizer.file: the vocabulary is that of config.train.init');
    await expect(run('refused', { train: { init: 'emoji-clop' } })).rejects.toThrow(
      'config.train.init: unknown CLIP "emoji-clop"; did you mean emoji-clip?',
    );
    expect(readdirSync(root)).not.toContain('refused');
  }, 60_000);

  test('goes on with what an earlier version began, that knew fewer settings', async () => {
    const record = join(root, 'earlier/run.json');
    await run('earlier', { train: { steps: 1, evaluateEvery: null } });
    const {
      config: {
        data: { elasticDeformation, ...known },
        ...others
      },
      ...rest
    } = JSON.parse(readFileSync(record, 'utf8')) as { config: { data: Record<string, unknown> } };
    expect(elasticDeformation).toBe(0);
    writeFileSync(record, JSON.stringify({ ...rest, config: { ...others, data: known } }));
    await expect(
      run('earlier', { data: { elasticDeformation: 0.1 }, train: { steps: 2, evaluateEvery: null } }, { resume: true }),
    ).rejects.toThrow("config.data.elasticDeformation is 0 in this run, now 0.1; resume with the run's own value");
    expect(steps(await run('earlier', { train: { steps: 2, evaluateEvery: null } }, { resume: true }))).toHaveLength(1);
    expect(JSON.parse(readFileSync(record, 'utf8'))).toMatchObject({ config: { data: { elasticDeformation: 0 } } });
  }, 60_000);

  test('says before it begins what its captions lose', async () => {
    const events = await run('cut', {
      model: { textConfig: { ...config.model.textConfig, maxPositionEmbeddings: 3 } },
      train: { steps: 1, evaluateEvery: null },
    });
    const { notes } = events.find((event) => event.type === 'ready')!;
    expect(notes[0]).toBe(
      '32 captions are longer than 3 tokens, said as "a square that is {}", and lose their end; model.textConfig.maxPositionEmbeddings says how many are read',
    );
    expect(notes[1]).toMatch(/^32 captions have the same tokens as another, such as "red left" and "red right", /);
  });

  test('counts held-out captions that are one to the model as one', async () => {
    const loud = join(root, 'loud');
    cpSync(data, loud, { recursive: true });
    const lines = readFileSync(join(loud, 'hand-1/metadata.jsonl'), 'utf8').split('\n');
    // Two images of one place, whose captions differ in letters alone.
    writeFileSync(
      join(loud, 'hand-1/metadata.jsonl'),
      lines.map((line, i) => (i === 1 ? line.replace('red right', 'Red Left') : line)).join('\n'),
    );
    writeFileSync(join(loud, 'test.txt'), ['hand-1/red-left.png', 'hand-1/red-right.png'].join('\n'));
    const done = steps(
      await run('loud-run', { data: { source: loud }, train: { steps: 1, evaluateEvery: 1, evaluateCount: 2 } }),
    );
    expect(done[0]!.evaluation).toEqual({ zeroShotTop1: 1, zeroShotTop5: 1 });
  });
});

describe('refuses', () => {
  const refusal = (changes: Changes, options = {}) => run('refused', changes, options);

  test('images without captions, and an empty one', async () => {
    const plain = join(root, 'plain');
    mkdirSync(plain);
    for (const name of ['a', 'b'])
      writeFileSync(join(plain, `${name}.png`), await draw(colors.red, name === 'a' ? 'left' : 'top', 0));
    const of = { source: plain, files: null, testFiles: null };
    await expect(refusal({ data: of, train: { evaluateEvery: null } })).rejects.toThrow(
      /have no captions; put them into metadata.jsonl/,
    );
    writeFileSync(
      join(plain, 'metadata.jsonl'),
      [
        { file_name: 'a.png', text: 'a' },
        { file_name: 'b.png', text: ' ' },
      ]
        .map((line) => JSON.stringify(line))
        .join('\n'),
    );
    await expect(refusal({ data: of, train: { evaluateEvery: null } })).rejects.toThrow(
      /1 of 2 images of .* have an empty caption, the first is b.png; caption them/,
    );
  });

  test('captions that are all the same', async () => {
    const alike = join(root, 'alike');
    mkdirSync(alike);
    for (const name of ['a', 'b'])
      writeFileSync(join(alike, `${name}.png`), await draw(colors.red, name === 'a' ? 'left' : 'top', 0));
    writeFileSync(
      join(alike, 'metadata.jsonl'),
      ['a', 'b'].map((name) => JSON.stringify({ file_name: `${name}.png`, text: 'red' })).join('\n'),
    );
    await expect(
      refusal({ data: { source: alike, files: null, testFiles: null }, train: { evaluateEvery: null } }),
    ).rejects.toThrow(
      /all images of .*alike have the same caption, so there is nothing to contrast; give each image its own caption/,
    );
  });

  test('a measurement without held-out images, and a list that is not there', async () => {
    await expect(refusal({ data: { testFiles: null } })).rejects.toThrow(
      'has no held-out images; name them (data.testFiles), or set evaluateEvery to null',
    );
    await expect(refusal({ data: { files: 'trian.txt' } })).rejects.toThrow(
      `data list "trian.txt": there is no such file, neither "${data}/trian.txt" nor "trian.txt"; name another, or do without (--data.files null trains on all images)`,
    );
    await expect(refusal({ data: { testFiles: 'tset.txt' } })).rejects.toThrow(
      /nor "tset.txt"; name another, or do without \(--data.testFiles null --train.evaluateEvery null measures nothing\)$/,
    );
  });

  test('a vocabulary that is none', async () => {
    const file = join(root, 'broken.json');
    const plan = () => configuredRun({ ...config, tokenizer: { file } }).plan({});
    await expect(plan()).rejects.toThrow(/^config.tokenizer.file .*broken.json: /);
    writeFileSync(file, '{}');
    await expect(plan()).rejects.toThrow(
      /^config.tokenizer.file .*broken.json: has no model with a vocab, so this is no tokenizer.json$/,
    );
  });

  test('a list of data that is made by a command, which it names', async () => {
    const hint = { ...changed({ data: { files: 'trian.txt' } }), getData: { [data]: 'npm run data' } };
    await expect(configuredRun(hint).plan({})).rejects.toThrow(
      /trains on all images\); the lists of .*images are made by: npm run data$/,
    );
    expect(() => configuredRun({ ...config, getData: 'npm run data' })).toThrow(
      'config.getData: expected record, got "npm run data"',
    );
  });

  test.each([
    [{ data: { templates: ['no place'] } }, /^config.data.templates.0: /],
    [{ data: { cropScale: 0 } }, /^config.data.cropScale: /],
    [
      { data: { crop: 'pad' } },
      'config.data.crop: expected "center", for so images are cropped wherever a CLIP is used, got "pad"',
    ],
    [{ model: { textConfig: { vocabSize: 7 } } }, 'config.model.textConfig: unknown key "vocabSize"'],
    [{ tokenizer: { vocabSize: 10 } }, /^config.tokenizer.vocabSize: /],
  ])('%j', async (changes, message) => {
    await expect(refusal(changes)).rejects.toThrow(message);
  });

  test('nothing is left behind', () => {
    expect(readdirSync(root)).not.toContain('refused');
  });
});

test('progress says plainly when the loss sits at ln(batch)', () => {
  expect(describeClip(Math.log(256), 256, { image_accuracy: 0.0039, text_accuracy: 0.0039, logit_scale: 2.6592 })).toBe(
    'loss 5.5452 (ln 256 = 5.5452: at chance) · 0.4 % right in the batch · temperature 0.070',
  );
  expect(describeClip(3.9, 256, { image_accuracy: 0.121, text_accuracy: 0.161, logit_scale: -Math.log(0.0694) })).toBe(
    'loss 3.9000 (ln 256 = 5.5452) · 14.1 % right in the batch · temperature 0.069',
  );
});
