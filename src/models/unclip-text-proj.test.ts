import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { weightValues } from '../../test/golden/named-weights.ts';
import { float32, input, program, type FloatArray } from '../core/index.ts';
import { readSafetensors } from '../formats/safetensors.ts';
import { bind, namedParameters } from '../nn/index.ts';
import { createNodeExecutor } from '../runtime/node.ts';
import { fromHuggingFace, parseConfig } from './config.ts';
import { UnCLIPTextProjModel, unclipTextProjConfigSchema } from './unclip-text-proj.ts';

interface Case {
  readonly config: Record<string, unknown>;
  readonly parameters: Record<string, number[]>;
}

const fixtures = fileURLToPath(new URL('../../test/golden/unclip-text-proj/', import.meta.url));
const cases = JSON.parse(readFileSync(`${fixtures}cases.json`, 'utf8')) as Record<string, Case>;
const executor = createNodeExecutor({ threads: 1, worker: false });
afterAll(() => executor.dispose());

describe.each(Object.entries(cases))('diffusers fixture %s', (name, { config, parameters }) => {
  const io = readSafetensors(readFileSync(`${fixtures}${name}.safetensors`)).tensors;
  const model = new UnCLIPTextProjModel(parseConfig(unclipTextProjConfigSchema, fromHuggingFace(config), name));

  test('has the same parameter names and shapes', () => {
    const ours = [...namedParameters(model)].map(([key, { shape }]) => [key, [...shape]]);
    expect(Object.fromEntries(ours)).toEqual(parameters);
  });

  test('has the same tokens and the same addition to the time within 1e-4, with and without an image embedding', async () => {
    const embeds = io.get('imageEmbeds')! as FloatArray;
    const width = embeds.shape[1]!;
    const batch = 2 * embeds.shape[0]!;
    // diffusers puts the learned embedding before the others; here a sample without one says so, whatever is in its row.
    const imageEmbeds = float32(
      [batch, width],
      Float32Array.of(...Array<number>(embeds.data.length).fill(7), ...embeds.data),
    );
    const imagePresent = float32(
      [batch],
      Float32Array.from({ length: batch }, (_, b) => (b < batch / 2 ? 0 : 1)),
    );
    const given = {
      imageEmbeds,
      imagePresent,
      textEmbeds: io.get('textEmbeds')!,
      encoderHiddenStates: io.get('encoderHiddenStates')!,
    };
    const tensor = (key: keyof typeof given) => input(key, given[key].shape);
    const { states, timeEmbeds } = model.forward(bind(model), {
      imageEmbeds: tensor('imageEmbeds'),
      imagePresent: tensor('imagePresent'),
      textEmbeds: tensor('textEmbeds'),
      encoderHiddenStates: tensor('encoderHiddenStates'),
    });
    const weights = new Map(Object.entries(parameters).map(([key, shape]) => [key, weightValues(key, shape)]));
    const spec = Object.fromEntries([...weights].map(([key, { shape, dtype }]) => [key, { shape, dtype }]));
    const executable = await executor.compile(program({ outputs: { states, timeEmbeds } }));
    const result = await executable.run(await executor.createStore(spec, weights), given);
    for (const key of ['states', 'timeEmbeds']) {
      const [ours, theirs] = [result[key]! as FloatArray, io.get(key)! as FloatArray];
      expect(ours.shape).toEqual(theirs.shape);
      expect(Math.max(...ours.data.map((value, i) => Math.abs(value - theirs.data[i]!))), key).toBeLessThan(1e-4);
    }
  });
});
