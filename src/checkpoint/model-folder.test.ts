import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkDamaged } from '../../test/damaged-file.ts';
import { float32, input, program, type HostArray } from '../core/index.ts';
import { type StepSchedulerConfig, schedule, schedulerConfig } from '../diffusion/index.ts';
import { floatsToHalf, halfToFloats } from '../formats/half.ts';
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../formats/safetensors.ts';
import { UNet2DModel } from '../models/index.ts';
import { bind, initialValues } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { readModelCard } from './model-card.ts';
import { readModelFolder, writeModelFolder } from './model-folder.ts';

const fixtures = fileURLToPath(new URL('../../test/golden/pipeline/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'kuosan-model-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

let folders = 0;
const newFolder = () => join(scratch, String(folders++));

const tiny = new UNet2DModel({
  sampleSize: 8,
  inChannels: 1,
  outChannels: 1,
  blockOutChannels: [4],
  layersPerBlock: 1,
  normNumGroups: 2,
  downBlockTypes: ['DownBlock2D'],
  upBlockTypes: ['UpBlock2D'],
  attentionHeadDim: 4,
});
const weights = initialValues(tiny, 1);
const scheduler = schedulerConfig({ betaSchedule: 'cosine', numTrainTimesteps: 100, varianceType: 'fixed_large' });
const weightsFile = 'unet/diffusion_pytorch_model.safetensors';
const whole = newFolder();
beforeAll(() => writeModelFolder(whole, { network: tiny, weights, scheduler }));

/** A copy of the whole folder in which something is changed. */
function copy(change: (dir: string) => void): string {
  const dir = newFolder();
  cpSync(whole, dir, { recursive: true });
  change(dir);
  return dir;
}

function edit(dir: string, file: string, change: (json: Record<string, unknown>) => unknown): void {
  writeFileSync(join(dir, file), JSON.stringify(change(JSON.parse(readFileSync(join(dir, file), 'utf8')))));
}

/** Where a tensor's values begin, by the format's own arithmetic: after the header's length, the header, and what its entry says. */
function byteOf(file: string, name: string): number {
  const bytes = readFileSync(file);
  const header = Number(bytes.readBigUInt64LE(0));
  const entries = JSON.parse(bytes.toString('utf8', 8, 8 + header)) as Record<
    string,
    { data_offsets: [number, number] }
  >;
  return 8 + header + entries[name]!.data_offsets[0];
}

describe('a model folder', () => {
  test('reads back as it was written', async () => {
    const model = await readModelFolder(whole);
    expect(model.network.config).toEqual(tiny.config);
    expect(model.scheduler).toEqual(scheduler);
    expect(model.weights).toEqual(weights);
    expect([...model.weights.keys()]).toEqual([...weights.keys()]);
    expect(model.path).toBe(whole);
  });

  test('of diffusers is read as diffusers runs it', async () => {
    const dir = copy((at) =>
      edit(at, 'unet/config.json', (json) => ({
        ...json,
        mid_block_type: 'UNetMidBlock2DCrossAttn',
        downsample_type: 'pool',
        downsample_padding: 2,
        time_embedding_dim: 0,
      })),
    );
    expect((await readModelFolder(dir)).network.config).toEqual(tiny.config);
  });

  test('is the same, byte for byte, whenever it is written', async () => {
    const again = newFolder();
    await writeModelFolder(again, { network: tiny, weights: new Map([...weights].reverse()), scheduler });
    for (const file of ['model_index.json', 'unet/config.json', weightsFile, 'scheduler/scheduler_config.json']) {
      expect(readFileSync(join(again, file)).equals(readFileSync(join(whole, file))), file).toBe(true);
    }
  });

  test('in float16 holds the rounded weights under the same name and is read as float32', async () => {
    const dir = newFolder();
    await writeModelFolder(dir, { network: tiny, weights, scheduler, dtype: 'f16' });
    expect(
      [...readSafetensors(readFileSync(join(dir, weightsFile))).tensors.values()].every(({ dtype }) => dtype === 'f16'),
    ).toBe(true);
    const rounded = (array: HostArray) => ({ ...array, data: halfToFloats(floatsToHalf(array.data as Float32Array)) });
    expect((await readModelFolder(dir)).weights).toEqual(
      new Map([...weights].map(([name, array]) => [name, rounded(array)])),
    );
  });

  test('with classes names no pipeline in its index, since none draws them, says what opens it, and reads back', async () => {
    const dir = newFolder();
    const unet = new UNet2DModel({ ...tiny.config, numClassEmbeds: 3 });
    await writeModelFolder(dir, {
      network: unet,
      weights: initialValues(unet, 1),
      scheduler,
      classes: { names: ['a', 'b|c'], nullClass: 2 },
    });
    expect(JSON.parse(readFileSync(join(dir, 'model_index.json'), 'utf8'))).toEqual({
      _class_name: 'UNet2DModel',
      _diffusers_version: '0.30.0',
      _note:
        'diffusers has no pipeline for a network with classes; open it as UNet2DModel (subfolder "unet") with DDPMScheduler (subfolder "scheduler"), as in README.md',
    });
    expect((await readModelFolder(dir)).network.config).toEqual(unet.config);
    const card = readFileSync(join(dir, 'README.md'), 'utf8');
    expect(card).toContain('| classes | 0 a, 1 b\\|c |\n| null label | 2, for guidance |\n');
    expect(card).toContain('class_labels = torch.tensor([0, 1, 2, 0])\n');
    expect(card).toContain('output = unet(x, t, class_labels=class_labels).sample\n');
  });

  test("has a card that says how many steps of DDIM divide the schedule's, and gives the folder no other name", async () => {
    expect(await readModelCard(whole)).toEqual({});
    const card = readFileSync(join(whole, 'README.md'), 'utf8');
    expect(card).toContain(
      '| process | 100 steps, schedule squaredcos_cap_v2, prediction epsilon, variance fixed_large |\n| in diffusers | `DDPMPipeline` and `DDIMPipeline` |\n',
    );
    expect(card).toContain('pipeline(batch_size=4, num_inference_steps=100).images\n');
    const odd = newFolder();
    await writeModelFolder(odd, { network: tiny, weights, scheduler: schedulerConfig({ numTrainTimesteps: 90 }) });
    expect(readFileSync(join(odd, 'README.md'), 'utf8')).toContain(
      'pipeline(batch_size=4, num_inference_steps=45, use_clipped_model_output=True).images\n',
    );
  });

  test('of a network that is conditioned on an image has a loop that shows it one', async () => {
    const dir = newFolder();
    const unet = new UNet2DModel({ ...tiny.config, inChannels: 3 });
    await writeModelFolder(dir, { network: unet, weights: initialValues(unet, 1), scheduler });
    expect(readFileSync(join(dir, 'README.md'), 'utf8')).toContain(
      'condition = torch.zeros(4, 2, 8, 8)  # the conditioning images\nx = torch.randn(4, 1, 8, 8)\n',
    );
    expect(readFileSync(join(dir, 'model_index.json'), 'utf8')).toContain(
      'diffusers has no pipeline for a network that is conditioned on an image',
    );
  });

  test('is never written over another', async () => {
    await expect(writeModelFolder(whole, { network: tiny, weights, scheduler })).rejects.toThrow(
      `checkpoint ${whole}: holds a model already; give another folder`,
    );
    expect((await readModelFolder(whole)).weights).toEqual(weights);
  });

  test("is not written with weights that are not the network's", async () => {
    const dir = newFolder();
    const others = new Map(weights).set('conv_in.bias', float32([5]));
    await expect(writeModelFolder(dir, { network: tiny, weights: others, scheduler })).rejects.toThrow(
      `checkpoint ${dir}: tensor "conv_in.bias" is [5], expected [4]`,
    );
    await expect(readModelFolder(dir)).rejects.toThrow(`checkpoint ${dir}: there is no such folder`);
  });

  test('that cannot be made says why', async () => {
    const dir = join(whole, 'model_index.json', 'a');
    await expect(writeModelFolder(dir, { network: tiny, weights, scheduler })).rejects.toThrow(
      `checkpoint ${dir}: cannot be written, a part of the path is a file, not a folder; give another folder`,
    );
  });
});

describe('a folder by diffusers', () => {
  const executor = createNodeExecutor({ threads: 1, worker: false });
  afterAll(() => executor.dispose());

  test.each(['cosine', 'linear'])('is read: %s', async (name) => {
    const model = await readModelFolder(join(fixtures, name));
    const io = readSafetensors(readFileSync(join(fixtures, name, 'io.safetensors'))).tensors as Map<string, HostArray>;

    // diffusers multiplies up to 1000 float32 numbers, each rounded by 2⁻²⁴.
    const alphas = io.get('alphas_cumprod')!.data as Float32Array;
    const ours = schedule(model.scheduler as StepSchedulerConfig).alphasCumprod;
    expect(ours.length).toBe(alphas.length);
    expect(Math.max(...ours.map((alpha, t) => Math.abs(alpha - alphas[t]!)))).toBeLessThan(1e-6);

    const sample = io.get('sample')!;
    const timestep = float32([2], Array.from(io.get('timestep')!.data as BigInt64Array, Number));
    const { network } = model;
    const out = network.denoise(bind(network.module), input('sample', sample.shape), input('timestep', [2]), {});
    const executable = await executor.compile(program({ outputs: { out } }));
    const store = await executor.createStore(
      Object.fromEntries([...model.weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }])),
      model.weights,
    );
    const result = (await executable.run(store, { sample, timestep }))['out']!.data as Float32Array;
    const theirs = io.get('out_sample')!.data as Float32Array;
    expect(Math.max(...result.map((value, i) => Math.abs(value - theirs[i]!)))).toBeLessThan(1e-5);
  });

  test("keeps its variance type, and the ends of the betas that it leaves out are diffusers' own", async () => {
    expect((await readModelFolder(join(fixtures, 'linear'))).scheduler).toMatchObject({
      varianceType: 'fixed_large',
      numTrainTimesteps: 200,
      betaStart: 1e-4,
      betaEnd: 0.02,
    });
  });
});

test('a scheduler file with minus infinity, which Python writes and JSON has not, is read; another file is not', async () => {
  const dir = newFolder();
  cpSync(whole, dir, { recursive: true });
  const infinite = (file: string) =>
    writeFileSync(
      join(dir, file),
      readFileSync(join(dir, file), 'utf8').replace('{', '{\n  "lambda_min_clipped": -Infinity,'),
    );
  infinite('scheduler/scheduler_config.json');
  expect((await readModelFolder(dir)).scheduler).toEqual(scheduler);
  infinite('unet/config.json');
  await expect(readModelFolder(dir)).rejects.toThrow('/unet/config.json: is not valid JSON');
});

test('the network in an unet_ema folder is read, whatever its configuration says of the average', async () => {
  const dir = newFolder();
  cpSync(join(whole, 'unet'), dir, { recursive: true });
  edit(dir, 'config.json', (json) => ({
    ...json,
    decay: 0.9999,
    inv_gamma: 1,
    min_decay: 0,
    optimization_step: 1000,
    power: 0.75,
    update_after_step: 0,
    use_ema_warmup: true,
  }));
  expect((await readModelFolder(dir)).weights).toEqual(weights);
});

describe('a damaged model folder', () => {
  test.each<[string, (dir: string) => void, string]>([
    [
      'without its index',
      (dir) => unlinkSync(join(dir, 'model_index.json')),
      ': there is no model_index.json and no config.json, so this is no model folder',
    ],
    [
      'of another pipeline',
      (dir) => edit(dir, 'model_index.json', (json) => ({ ...json, _class_name: 'StableDiffusionPipeline' })),
      '/model_index.json: pipeline "StableDiffusionPipeline" is not supported; one of DDPMPipeline, DDIMPipeline',
    ],
    [
      'of another scheduler',
      (dir) => edit(dir, 'model_index.json', (json) => ({ ...json, scheduler: ['diffusers', 'ScoreSdeVeScheduler'] })),
      '/model_index.json: scheduler is ["diffusers","ScoreSdeVeScheduler"], expected the class DDPMScheduler or DDIMScheduler or ',
    ],
    [
      'with a configuration cut short',
      (dir) => truncateSync(join(dir, 'unet/config.json'), 40),
      '/unet/config.json: is not valid JSON, cut short or damaged',
    ],
    [
      'with an unknown option',
      (dir) => edit(dir, 'unet/config.json', (json) => ({ ...json, layer_per_block: 1 })),
      '/unet/config.json: unknown key "layerPerBlock"; did you mean layersPerBlock?',
    ],
    [
      'with an option we have not',
      (dir) => edit(dir, 'unet/config.json', (json) => ({ ...json, down_block_types: ['CrossAttnDownBlock2D'] })),
      '/unet/config.json.downBlockTypes.0: this block attends to a text',
    ],
    [
      'with options that contradict each other',
      (dir) => edit(dir, 'unet/config.json', (json) => ({ ...json, norm_num_groups: 3 })),
      '/unet/config.json: unet: downBlockTypes[0] (DownBlock2D): 4 channels do not split into 3 groups',
    ],
    [
      'with a number that would exhaust the memory',
      (dir) => edit(dir, 'unet/config.json', (json) => ({ ...json, layers_per_block: 128 })),
      '/unet/config.json: asks for 128 layers in each of 1 blocks',
    ],
    [
      'of another width',
      (dir) => edit(dir, 'unet/config.json', (json) => ({ ...json, block_out_channels: [8] })),
      '/unet/diffusion_pytorch_model.safetensors: tensor "conv_in.weight" is [4, 1, 3, 3], expected [8, 1, 3, 3] (at byte BYTE of conv_in.weight) (and',
    ],
    [
      'of more layers',
      (dir) => edit(dir, 'unet/config.json', (json) => ({ ...json, layers_per_block: 2 })),
      '/unet/diffusion_pytorch_model.safetensors: missing tensors "down_blocks.0.resnets.1.norm1.weight" [4], ',
    ],
    [
      'with weights cut short',
      (dir) => truncateSync(join(dir, weightsFile), 5000),
      `/${weightsFile}: is damaged; get it again or take another checkpoint (readSafetensors: the header ends at byte`,
    ],
    [
      'without a scheduler',
      (dir) => rmSync(join(dir, 'scheduler'), { recursive: true }),
      '/scheduler/scheduler_config.json: cannot be read, it does not exist',
    ],
    [
      'with whole numbers for weights',
      (dir) => {
        const tensors = readSafetensors(readFileSync(join(dir, weightsFile))).tensors as Map<string, SafetensorsTensor>;
        writeFileSync(
          join(dir, weightsFile),
          writeSafetensors(new Map(tensors).set('conv_in.bias', { dtype: 'i32', shape: [4], data: new Int32Array(4) })),
        );
      },
      '/unet/diffusion_pytorch_model.safetensors: tensor "conv_in.bias" [4] is of type i32, expected f32, f16 or bf16 (at byte BYTE of conv_in.bias)',
    ],
  ])('names the file and the problem: %s', async (_, damage, message) => {
    const dir = copy(damage);
    const error = await readModelFolder(dir).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(error?.message).toContain(`checkpoint ${dir}`);
    const expected = message.replace(/BYTE of ([\w.]+)/, (_all, name: string) =>
      String(byteOf(join(dir, weightsFile), name)),
    );
    expect(error?.message).toContain(expected);
    expect(error?.message).not.toContain('\n');
  });

  test('with weights cut short says which tensor is the first that is not there, of which shape, and where it would be', async () => {
    const at = byteOf(join(whole, weightsFile), 'mid_block.resnets.1.conv1.weight');
    const dir = copy((folder) => truncateSync(join(folder, weightsFile), at + 100));
    await expect(readModelFolder(dir)).rejects.toThrow(
      `checkpoint ${join(dir, weightsFile)}: is damaged; get it again or take another checkpoint (readSafetensors: tensor "mid_block.resnets.1.conv1.weight": F32[4, 4, 3, 3] at byte ${at} would end at byte ${at + 576}, the file ends at byte ${at + 100} (cut short?))`,
    );
  });

  test('with a value changed says of which tensor, of which shape, and where it begins', async () => {
    const at = byteOf(join(whole, weightsFile), 'mid_block.resnets.1.conv1.weight');
    const dir = copy((folder) => {
      const bytes = readFileSync(join(folder, weightsFile));
      bytes[at + 70]! ^= 1;
      writeFileSync(join(folder, weightsFile), bytes);
    });
    await expect(readModelFolder(dir)).rejects.toThrow(
      `checkpoint ${join(dir, weightsFile)}: is damaged, the values of tensor "mid_block.resnets.1.conv1.weight" [4, 4, 3, 3], which begin at byte ${at}, do not match their checksum; get it again or take another checkpoint`,
    );
  });

  test('with any byte of its weights changed, or cut short anywhere, is refused or holds the same weights', async () => {
    const dir = copy(() => {});
    // Half of the damage is in the header, which is small next to the values.
    await checkDamaged(join(dir, weightsFile), { seed: 1, numRuns: 150, header: 2500 }, async () => {
      const result = await readModelFolder(dir).catch((error: Error) => error);
      if (result instanceof Error) expect(result.message).toMatch(/^checkpoint .*[^\n]*$/);
      else expect(result.weights).toEqual(weights);
    });
  });

  test.each(['model_index.json', 'unet/config.json', 'scheduler/scheduler_config.json'])(
    'with any byte of %s changed is refused or read, and never worse',
    async (name) => {
      const dir = copy(() => {});
      await checkDamaged(join(dir, name), { seed: 1, numRuns: 100 }, async () => {
        const result = await readModelFolder(dir).catch((error: Error) => error);
        if (result instanceof Error) expect(result.message).toContain('checkpoint ');
        else expect(result.weights.size).toBe(weights.size);
      });
    },
  );
});
