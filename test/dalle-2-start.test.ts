/** Runs that begin with a part of a DALL·E 2: of a run, or of the folder that its parts were put together in. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runAssemble } from '../src/cli/export/run-assemble.ts';
import { latestCheckpoint } from '../src/checkpoint/index.ts';
import { floatsToHalf } from '../src/formats/half.ts';
import { readSafetensors } from '../src/formats/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { configuredRun } from '../src/systems/index.ts';
import { trainingRun, type RunPlan } from '../src/train/index.ts';
import { smallDallE2, writeRandomClip, writeRows } from './small-dalle-2.ts';

const root = mkdtempSync(join(tmpdir(), 'kuosan-dalle-2-start-'));
const at = (name: string) => join(root, name);
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(async () => {
  await executor.dispose();
  rmSync(root, { recursive: true, force: true });
});

const { train, ...small } = smallDallE2({ data: at('data'), clip: at('clip') });
// One step at a rate of almost nothing: the weights stay what they began as.
const once = { ...train, steps: 1, batchSize: 3, checkpointEvery: 1, learningRate: 1e-20 };
const unmeasured = { ...once, evaluateEvery: null };
const unseen = { ...once, sampleEvery: null };
const configs = {
  prior: { ...small.prior, train: unmeasured },
  autoregressive: { ...small.autoregressivePrior, train: unmeasured },
  decoder: { ...small.decoder, train: unseen },
  upsampler: { ...small.upsampler, train: unseen },
};
type Name = keyof typeof configs;

const plan = async (
  name: Name,
  { train: own = {}, ...others }: { readonly train?: object; readonly [setting: string]: unknown },
): Promise<RunPlan> =>
  configuredRun({ ...configs[name], ...others, train: { ...configs[name].train, ...own } }).plan({});

async function run(planned: RunPlan, out: string): Promise<void> {
  for await (const event of trainingRun(planned, { out: at(out), executor })) void event;
}

const negativeZero = 0x8000;

/** Everything that a file of weights holds, in float16, where zeros have no sign. */
async function stored(folder: string, part: string): Promise<Record<string, number[]>> {
  const { tensors } = readSafetensors(readFileSync(join(folder, part, 'diffusion_pytorch_model.safetensors')));
  return Object.fromEntries(
    [...tensors].map(([name, { dtype, data }]) => [
      name,
      [...(dtype === 'f16' ? (data as Uint16Array) : floatsToHalf(data as Float32Array))].map((half) =>
        half === negativeZero ? 0 : half,
      ),
    ]),
  );
}

beforeAll(async () => {
  await writeRandomClip(at('clip'));
  await writeRows(at('data'));
  for (const name of Object.keys(configs) as Name[]) await run(await plan(name, { train: { seed: 1 } }), name);
  const assembled = (sources: readonly string[], out: string) =>
    runAssemble(sources.map(at), { out: at(out), dtype: 'float16' });
  await assembled(['prior', 'decoder', 'upsampler'], 'whole');
  await assembled(['autoregressive', 'decoder'], 'without-upsampler');
}, 120_000);

test.each([
  ['prior', 'whole', { prior: 'prior' }],
  ['autoregressive', 'without-upsampler', { prior: 'prior' }],
  ['decoder', 'whole', { decoder: 'decoder', text_proj: 'text_proj' }],
  ['upsampler', 'whole', { unet: 'super_res_first' }],
] as const)(
  '%s begins with its part of %s',
  async (name, folder, parts) => {
    const planned = await plan(name, { train: { init: at(folder) } });
    expect(planned.notes ?? []).toEqual([]);
    // Those that are drawn have another seed.
    const out = `${name}-on`;
    await run(planned, out);
    const { path } = (await latestCheckpoint(at(out)))!;
    for (const [own, theirs] of Object.entries(parts))
      expect(await stored(path, own)).toEqual(await stored(at(folder), theirs));
  },
  60_000,
);

test('notes another CLIP and another prediction, and refuses a CLIP of another width', async () => {
  await writeRandomClip(at('other-clip'), { seed: 6 });
  const other = { clip: { model: at('other-clip') } };
  const init = { train: { init: at('whole') } };
  expect((await plan('prior', { ...init, ...other })).notes).toEqual([
    `${at('whole')} was trained with another CLIP than config.clip.model, whose embeddings it has to learn anew`,
  ]);
  const scheduler = { ...small.decoder.scheduler, predictionType: 'epsilon' };
  expect((await plan('decoder', { ...init, scheduler })).notes).toEqual([
    `${at('whole')} predicts sample, and this run epsilon: the output is retrained; set config.scheduler.predictionType to keep it`,
  ]);
  await writeRandomClip(at('narrow-clip'), { width: 8, hidden: 8 });
  await expect(plan('prior', { ...init, clip: { model: at('narrow-clip') } })).rejects.toThrow(
    `config.train.init: ${at('whole')}: was trained on embeddings of 12 values, and those of config.clip.model have 8; give the CLIP that it was trained with (clip.model)`,
  );
});
