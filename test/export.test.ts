import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeModelFolder } from '../src/checkpoint/index.ts';
import { float32, RandomStream, sizeOf, type HostArray } from '../src/core/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { writeSafetensors } from '../src/formats/index.ts';
import { UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import { decodeModel } from '../src/onnx/index.ts';
import { denoiserProgram } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { kuosan, tinyModel } from './kuosan.ts';
import { root } from './source-files.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-export-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

const unet = new UNet2DModel({
  ...tinyModel,
  numClassEmbeds: 3,
  blockOutChannels: [16, 16],
  downBlockTypes: ['DownBlock2D', 'AttnDownBlock2D'],
  upBlockTypes: ['AttnUpBlock2D', 'UpBlock2D'],
});
// Layers that begin at nearly zero would hide what comes before them.
const weights = new Map(
  [...initialValues(unet, 1)].map(([name, { shape, data }]) => {
    const noise = new RandomStream(1, `weight ${name}`).fillNormal(new Float32Array(data.length));
    return [
      name,
      float32(
        shape,
        noise.map((z, i) => (data as Float32Array)[i]! + z / 10),
      ),
    ];
  }),
);

const exported = async (out: string, ...args: string[]) => {
  const ended = await kuosan(['export', 'model', '--out', out, ...args], { cwd });
  expect(ended.status, ended.stderr).toBe(0);
  return ended.stdout;
};

beforeAll(async () => {
  await writeModelFolder(join(cwd, 'model'), { network: unet, weights, scheduler: schedulerConfig() });
  writeFileSync(join(cwd, 'model/README.md'), '---\nlicense: cc0-1.0\n---\n# tiny\n\nNoise.\n');
});

describe('kuosan export --out', () => {
  test('writes a model that names what made it and its license', async () => {
    expect(await exported('a/model.onnx')).toMatch(
      /^a\/model\.onnx: [\d,]+ parameters in float32, any batch size, 0\.\d MB\n$/,
    );
    const facts = Object.fromEntries(
      decodeModel(readFileSync(join(cwd, 'a/model.onnx'))).metadataProps.map(({ key, value }) => [key, value]),
    );
    expect(facts).toMatchObject({ model: 'tiny', license: 'cc0-1.0', made_by: expect.stringMatching(/^kuosan \d/) });
  });

  test('takes the place of an earlier file only with --force', async () => {
    await exported('b.onnx');
    const first = readFileSync(join(cwd, 'b.onnx'));
    const refused = await kuosan(['export', 'model', '--out', 'b.onnx', '--dtype', 'float16'], { cwd });
    expect(refused).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'kuosan: cannot write "b.onnx": exists already; replace it with --force, or give another path\n',
    });
    expect(readFileSync(join(cwd, 'b.onnx')).equals(first)).toBe(true);
    await exported('b.onnx', '--dtype', 'float16', '--batch', '2', '--force');
    expect(readFileSync(join(cwd, 'b.onnx')).length).toBeLessThan(first.length * 0.7);
  });
});

describe.runIf(existsSync(join(root, 'dist/web-page')))('kuosan export --web (run where the page is built)', () => {
  const site = (...args: string[]) => kuosan(['export', 'model', '--web', 'site', ...args], { cwd });

  test('writes a folder with all that a page needs, and takes the place of an earlier one only with --force', async () => {
    expect(await site()).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /^site: a page with [\d,]+ parameters in float32; a visitor loads \d\d\.\d MB \(with a GPU \d\d\.\d MB\), the folder has \d\d\.\d MB; try it with npx serve site\n$/,
      ),
    });
    expect(readdirSync(join(cwd, 'site')).sort()).toEqual([
      '_headers',
      'assets',
      'index.html',
      'model',
      'ort',
      'serve.json',
    ]);
    expect(JSON.parse(readFileSync(join(cwd, 'site/model/model.json'), 'utf8'))).toMatchObject({
      name: 'tiny',
      summary: 'Noise.',
      license: 'cc0-1.0',
      imageShape: [3, 8, 8],
      files: { 'unet/diffusion_pytorch_model.safetensors': expect.any(Number) },
    });
    const weightsAt = join(cwd, 'site/model/unet/diffusion_pytorch_model.safetensors');
    const large = readFileSync(weightsAt).length;
    expect(await site('--dtype', 'float16')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: 'kuosan: site: holds a page already; replace it with --force, or give another folder\n',
    });
    expect(readFileSync(weightsAt).length).toBe(large);
    expect(await site('--dtype', 'float16', '--force')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('in float16'),
    });
    expect(readFileSync(weightsAt).length).toBeLessThan(large * 0.7);
    // Nothing is left next to it.
    expect(readdirSync(cwd).filter((name) => name.includes('site'))).toEqual(['site']);
  }, 60_000);
});

/** KUOSAN_PYTHON, or the Python on the path, if it has what is needed. */
const python = [process.env['KUOSAN_PYTHON'], 'python3'].find(
  (command) =>
    command !== undefined &&
    spawnSync(command, ['-c', 'import numpy, onnx, onnxruntime, safetensors'], { stdio: 'ignore' }).status === 0,
);

describe.skipIf(python === undefined)(
  'in Python (skipped where neither KUOSAN_PYTHON nor python3 has onnx, onnxruntime and safetensors)',
  () => {
    const executor = createNodeExecutor({ threads: 1, worker: false });
    afterAll(() => executor.dispose());

    test.each([
      ['--batch', 'symbolic'],
      ['--batch', '4'],
    ])(
      'an exported model passes onnx.checker and computes what ours computes: %s %s',
      async (...args) => {
        const batch = 4;
        const shape = [batch, 3, 8, 8];
        const inputs: Record<string, HostArray> = {
          sample: float32(shape, new RandomStream(2, 'sample').fillNormal(new Float32Array(sizeOf(shape)))),
          timestep: float32([batch], [0, 10, 500, 999]),
          class_labels: { dtype: 'i64', shape: [batch], data: BigInt64Array.of(0n, 1n, 2n, 0n) },
        };
        const executable = await executor.compile(denoiserProgram(unet, batch));
        const store = await executor.createStore(
          Object.fromEntries(
            [...weights].map(([name, { shape: extents }]) => [name, { shape: extents, dtype: 'f32' as const }]),
          ),
          weights,
        );
        const outputs = await executable.run(store, inputs);
        writeFileSync(
          join(cwd, 'io.safetensors'),
          writeSafetensors(new Map(Object.entries({ ...inputs, ...outputs }))),
        );
        await exported('c.onnx', '--force', ...args);
        const printed = execFileSync(python!, [join(root, 'test/golden/open-onnx.py'), 'c.onnx', 'io.safetensors'], {
          cwd,
          encoding: 'utf8',
        });
        expect(printed).toContain('nodes of the standard domain');
      },
      60_000,
    );
  },
);
