import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { input, program, type HostArray } from '../core/index.ts';
import { readSafetensors, writeSafetensors, type SafetensorsTensor } from '../formats/safetensors.ts';
import { bind } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { readWeightFiles } from './folder-files.ts';
import { loadModel } from './load-model.ts';

const layouts = fileURLToPath(new URL('../../test/golden/layouts/', import.meta.url));
const scratch = mkdtempSync(join(tmpdir(), 'kuosan-weights-'));
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(async () => {
  rmSync(scratch, { recursive: true, force: true });
  await executor.dispose();
});

const weights = 'diffusion_pytorch_model.safetensors';
const index = `${weights}.index.json`;
const shards = [1, 2, 3].map((n) => `diffusion_pytorch_model-0000${n}-of-00003.safetensors`);

let copies = 0;
/** A copy of a layout in which something is changed. */
function copy(layout: string, change: (dir: string) => void = () => {}): string {
  const dir = join(scratch, String(copies++));
  cpSync(join(layouts, layout), dir, { recursive: true });
  change(dir);
  return dir;
}

function editTensors(path: string, change: (tensors: Map<string, SafetensorsTensor>) => void): void {
  const { tensors } = readSafetensors(readFileSync(path));
  change(tensors);
  writeFileSync(path, writeSafetensors(tensors));
}

function editIndex(dir: string, change: (map: Record<string, unknown>) => unknown): void {
  const path = join(dir, 'unet', index);
  const json = JSON.parse(readFileSync(path, 'utf8')) as { weight_map: Record<string, unknown> };
  writeFileSync(path, JSON.stringify({ ...json, weight_map: change(json.weight_map) }));
}

describe('a model is read', () => {
  const io = readSafetensors(readFileSync(join(layouts, 'io.safetensors'))).tensors as ReadonlyMap<string, HostArray>;

  test.each([
    ['sharded', 'out_sample'],
    ['fp16', 'out_fp16'],
    ['fp16-sharded', 'out_fp16'],
    ['flat', 'out_sample'],
    ['network', 'out_sample'],
  ])('%s, and computes what diffusers computes', async (layout, output) => {
    const { network, weights: values, scheduler, notes } = await loadModel(join(layouts, layout));
    const inputs = { sample: io.get('sample')!, timestep: io.get('timestep')! };
    const out = network.denoise(
      bind(network.module),
      input('sample', inputs.sample.shape),
      input('timestep', inputs.timestep.shape),
      {},
    );
    const executable = await executor.compile(program({ outputs: { out } }));
    const store = await executor.createStore(
      Object.fromEntries([...values].map(([key, { shape, dtype }]) => [key, { shape, dtype }])),
      values,
    );
    const result = (await executable.run(store, inputs))['out']!.data as Float32Array;
    const expected = io.get(output)!.data as Float32Array;
    expect(result.length).toBe(expected.length);
    expect(Math.max(...result.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5);
    if (layout === 'network') {
      expect(scheduler).toMatchObject({
        betaSchedule: 'linear',
        betaStart: 1e-4,
        betaEnd: 0.02,
        numTrainTimesteps: 1000,
        predictionType: 'epsilon',
      });
      expect(notes).toEqual([
        `there is no ${join(layouts, layout, 'scheduler_config.json')}, so the noise schedule is DDPM's: linear from 0.0001 to 0.02 in 1000 steps, prediction epsilon`,
      ]);
    } else {
      expect(scheduler).toMatchObject({ numTrainTimesteps: 50, varianceType: 'fixed_large' });
      expect(notes).toEqual([]);
    }
  });

  test('by the name of a variant, if there is more than one set of weights', async () => {
    const dir = copy('network', (folder) => {
      cpSync(
        join(layouts, 'fp16/unet/diffusion_pytorch_model.fp16.safetensors'),
        join(folder, 'diffusion_pytorch_model.fp16.safetensors'),
      );
    });
    const dtypes = async (variant?: string) =>
      new Set([...(await readWeightFiles(dir, { variant })).tensors.values()].map(({ dtype }) => dtype));
    expect(await dtypes()).toEqual(new Set(['f32']));
    expect(await dtypes('fp16')).toEqual(new Set(['f16']));
    expect((await loadModel(dir, { variant: 'fp16' })).weights).toEqual(
      (await loadModel(join(layouts, 'fp16'))).weights,
    );
    await expect(readWeightFiles(dir, { variant: 'ema' })).rejects.toThrow(
      `checkpoint ${dir}: there is no variant "ema" of the weights; there are weights without a variant (leave it out), fp16`,
    );
    renameSync(join(dir, weights), join(dir, 'diffusion_pytorch_model.ema.safetensors'));
    await expect(readWeightFiles(dir)).rejects.toThrow(
      `checkpoint ${dir}: the weights come in the variants ema, fp16; choose one (--variant ema)`,
    );
  });

  test('from its shards, where a file with everything lies next to them', async () => {
    const dir = copy('sharded', (folder) => writeFileSync(join(folder, 'unet', weights), ''));
    expect((await readWeightFiles(join(dir, 'unet'))).where).toBe(`checkpoint ${join(dir, 'unet', index)}`);
  });
});

describe('weights that are not whole', () => {
  test.each<[string, string, (dir: string) => void, string]>([
    [
      'a missing shard',
      'sharded',
      (dir) => unlinkSync(join(dir, 'unet', shards[1]!)),
      `unet/${index}: the shard ${shards[1]} is not there, with `,
    ],
    [
      'a tensor that its shard lacks',
      'sharded',
      (dir) => editTensors(join(dir, 'unet', shards[0]!), (tensors) => tensors.delete('conv_in.bias')),
      `unet/${index}: tensor "conv_in.bias" should be in ${shards[0]}, which has no such tensor; get index and shards from one place`,
    ],
    [
      'a tensor that the index does not name',
      'sharded',
      (dir) => editIndex(dir, ({ 'conv_in.bias': _, ...rest }) => rest),
      `unet/${shards[0]}: holds tensor "conv_in.bias", which the index does not name`,
    ],
    [
      'a tensor that the index places elsewhere',
      'sharded',
      (dir) => {
        const bias = readSafetensors(readFileSync(join(dir, 'unet', shards[0]!))).tensors.get('conv_in.bias')!;
        editTensors(join(dir, 'unet', shards[2]!), (tensors) => tensors.set('conv_in.bias', bias));
      },
      `unet/${shards[2]}: holds tensor "conv_in.bias", which the index places in "${shards[0]}"`,
    ],
    [
      'a tensor that the network has not',
      'sharded',
      (dir) => {
        editTensors(join(dir, 'unet', shards[2]!), (tensors) =>
          tensors.set('extra', { dtype: 'f32', shape: [1], data: Float32Array.of(1) }),
        );
        editIndex(dir, (map) => ({ ...map, extra: shards[2] }));
      },
      `unet/${index}: unexpected tensor "extra" [1] (at byte 1940 of ${shards[2]}); the weights are not of the network in `,
    ],
    [
      'a tensor of another shape, in which shard',
      'sharded',
      (dir) =>
        editTensors(join(dir, 'unet', shards[0]!), (tensors) =>
          tensors.set('conv_in.bias', { dtype: 'f32', shape: [5], data: new Float32Array(5) }),
        ),
      `unet/${index}: tensor "conv_in.bias" is [5], expected [4] (at byte 6720 of ${shards[0]})`,
    ],
    [
      'a damaged shard',
      'sharded',
      (dir) => writeFileSync(join(dir, 'unet', shards[1]!), 'nothing'),
      `unet/${shards[1]}: is damaged; get it again or take another checkpoint (readSafetensors: `,
    ],
    [
      'an index that is cut short',
      'sharded',
      (dir) => writeFileSync(join(dir, 'unet', index), '{"weight_map": {'),
      `unet/${index}: is not valid JSON, cut short or damaged`,
    ],
    [
      'an index of nothing',
      'sharded',
      (dir) => editIndex(dir, () => undefined),
      `unet/${index}: expected a weight_map from tensors to shards, got none`,
    ],
    [
      'an index that leads out of the folder',
      'sharded',
      (dir) => editIndex(dir, (map) => ({ ...map, 'conv_in.bias': '../../secret.safetensors' })),
      `unet/${index}: tensor "conv_in.bias" is placed in "../../secret.safetensors", expected the name of a .safetensors file next to the index`,
    ],
    [
      'pickled weights',
      'flat',
      (dir) => renameSync(join(dir, weights), join(dir, 'diffusion_pytorch_model.bin')),
      `there is no ${weights}, only pickled weights (diffusion_pytorch_model.bin), which Python alone can read; convert them there: UNet2DModel.from_pretrained(`,
    ],
    ['no weights', 'network', (dir) => unlinkSync(join(dir, weights)), `: there is no ${weights}`],
    [
      'an old and a new name of one tensor',
      'flat',
      (dir) =>
        editTensors(join(dir, weights), (tensors) =>
          tensors.set('mid_block.attentions.0.to_q.bias', tensors.get('mid_block.attentions.0.query.bias')!),
        ),
      `${weights}: holds tensor "mid_block.attentions.0.to_q.bias" twice, also under its old name "mid_block.attentions.0.query.bias"`,
    ],
  ])('get one line: %s', async (_, layout, damage, message) => {
    const dir = copy(layout, damage);
    const error = await loadModel(dir).then(
      () => undefined,
      (e: Error) => e,
    );
    expect(error?.message).toContain(`checkpoint ${dir}`);
    expect(error?.message).toContain(message);
    expect(error?.message).not.toContain('\n');
  });
});
