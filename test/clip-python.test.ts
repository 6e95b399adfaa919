import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readClipFolder, writeClipFolder } from '../src/checkpoint/index.ts';
import { program, input, float32 } from '../src/core/index.ts';
import { readTokenizer } from '../src/data/index.ts';
import { CLIPModel } from '../src/models/index.ts';
import { bind, initialValues } from '../src/nn/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { root } from './source-files.ts';

/** KUOSAN_PYTHON, or the Python on the path, if it has what is needed. */
const python = [process.env['KUOSAN_PYTHON'], 'python3'].find(
  (command) =>
    command !== undefined &&
    spawnSync(command, ['-c', 'import PIL, torch, transformers'], { stdio: 'ignore' }).status === 0,
);

describe.skipIf(python === undefined)(
  'a CLIP folder of ours in Python (skipped where neither KUOSAN_PYTHON nor python3 has torch, transformers and Pillow)',
  () => {
    const dir = mkdtempSync(join(tmpdir(), 'kuosan-clip-python-'));
    const executor = createNodeExecutor({ threads: 1, worker: false });
    afterAll(async () => {
      rmSync(dir, { recursive: true, force: true });
      await executor.dispose();
    });

    const json = JSON.parse(readFileSync(join(root, 'test/golden/tokenizer/tokenizer.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const model = new CLIPModel({
      projectionDim: 12,
      textConfig: {
        vocabSize: 700,
        hiddenSize: 16,
        intermediateSize: 32,
        numHiddenLayers: 2,
        numAttentionHeads: 2,
        maxPositionEmbeddings: 16,
        bosTokenId: 698,
        eosTokenId: 699,
        padTokenId: 699,
      },
      visionConfig: {
        hiddenSize: 16,
        intermediateSize: 32,
        numHiddenLayers: 2,
        numAttentionHeads: 2,
        imageSize: 16,
        patchSize: 8,
      },
    });
    const inPython = (...args: string[]) =>
      execFileSync(python!, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });

    test('knows its vocabulary and its preprocessing again where Python has saved its processor', async () => {
      const path = join(dir, 'saved');
      const preprocessing = { imageMean: [0.1, 0.2, 0.3], imageStd: [0.4, 0.5, 0.6], resample: 'bilinear' } as const;
      await writeClipFolder(path, { model, weights: initialValues(model, 1), tokenizer: json, preprocessing });
      const before = readFileSync(join(path, 'tokenizer.json'), 'utf8');
      inPython(
        '-c',
        'import sys; from transformers import CLIPProcessor; CLIPProcessor.from_pretrained(sys.argv[1]).save_pretrained(sys.argv[1])',
        path,
      );
      // transformers 5 writes it into processor_config.json, 4 over ours.
      if (existsSync(join(path, 'processor_config.json'))) rmSync(join(path, 'preprocessor_config.json'));
      expect(readFileSync(join(path, 'tokenizer.json'), 'utf8')).not.toBe(before);
      const read = await readClipFolder(path);
      expect(read.tokenizer).not.toEqual(json);
      expect(read.preprocessing).toEqual(preprocessing);
    }, 120_000);

    test.each([
      ['with', json],
      ['without', null],
    ] as const)(
      'has a card whose Python runs, %s a tokenizer',
      async (name, tokenizer) => {
        const path = join(dir, `card-${name}`);
        await writeClipFolder(path, { model, weights: initialValues(model, 1), tokenizer });
        const [, program] = /^```python\n(.*?)^```$/ms.exec(readFileSync(join(path, 'README.md'), 'utf8'))!;
        const printed = execFileSync(python!, ['-c', program!], {
          cwd: path,
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        });
        expect(printed).toMatch(name === 'with' ? /^a red heart: [\d.]+%\na cat: [\d.]+%\n$/ : /^tensor\(\[\[/);
      },
      120_000,
    );

    test.each(['f32', 'f16'] as const)(
      'has the same tokens, pixels and logits (%s)',
      async (dtype) => {
        const path = join(dir, dtype);
        await writeClipFolder(path, { model, weights: initialValues(model, 1), tokenizer: json, dtype });
        const theirs = JSON.parse(inPython(join(root, 'test/golden/open-clip-folder.py'), path)) as {
          ids: number[][];
          eos_token_id: number;
          pixel: number[];
          size: number[];
          logits_per_image: number[][];
        };

        const { ids, truncated } = readTokenizer(json, 'tokenizer').encodeBatch(
          ['a small cat', 'under the moon '.repeat(50)],
          16,
        );
        expect(truncated).toBe(1);
        expect(Array.from(ids.data, Number)).toEqual(theirs.ids.flat());
        expect(theirs).toMatchObject({ eos_token_id: 699, size: [1, 3, 16, 16] });
        const read = await readClipFolder(path);
        const { imageMean, imageStd } = read.preprocessing!;
        const red = [1, 0, 0].map((value, channel) => (value - imageMean[channel]!) / imageStd[channel]!);
        red.forEach((value, channel) => expect(value).toBeCloseTo(theirs.pixel[channel]!, 5));

        const pixels = float32(
          [1, 3, 16, 16],
          red.flatMap((value) => new Array<number>(256).fill(value)),
        );
        const p = program({
          outputs: {
            out: read.model.forward(bind(read.model), input('pixels', pixels.shape), input('ids', ids.shape, 'i64'))
              .logitsPerImage,
          },
        });
        const executable = await executor.compile(p);
        const { out } = await executable.run(await executor.createStore(p.reads, read.weights), { pixels, ids });
        await executable.dispose();
        // Logits are of order 10.
        theirs.logits_per_image
          .flat()
          .forEach((value, i) =>
            expect(Math.abs(Number(out!.data[i]) - value)).toBeLessThan(dtype === 'f32' ? 1e-4 : 2e-2),
          );
      },
      120_000,
    );
  },
);
