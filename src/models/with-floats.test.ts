import { expect, test } from 'vitest';
import { z } from 'zod';
import { JsonFloat, stringifyJson } from '../formats/json-float.ts';
import { clipConfigSchema } from './clip/config.ts';
import { parseConfig, snakeCaseKeys, toHuggingFace, withFloats } from './config.ts';
import { unet2DConfigSchema } from './unet-2d/config.ts';

test('a float keeps its point, a text that looks like one stays a text', () => {
  const value = {
    a: new JsonFloat(3),
    b: new JsonFloat(-0.5),
    c: 3,
    d: '3.0',
    e: '\u0000float',
    f: new JsonFloat(1e21),
  };
  expect(stringifyJson(value)).toBe('{"a":3.0,"b":-0.5,"c":3,"d":"3.0","e":"\\u0000float","f":1e+21}');
  expect(JSON.parse(stringifyJson(value, 2))).toEqual({ a: 3, b: -0.5, c: 3, d: '3.0', e: '\u0000float', f: 1e21 });
});

test('a schema says which numbers are floats, however they are wrapped', () => {
  const schema = z.strictObject({
    count: z.number().int().default(1),
    rate: z.number().positive().nullable().default(1),
    list: z.array(z.number()).nonempty().optional(),
    pair: z.union([z.int(), z.tuple([z.int(), z.number()])]),
    inner: z.strictObject({ heldWidth: z.number() }).prefault({ heldWidth: 2 }),
    text: z.string().pipe(z.string()),
    piped: z.number().pipe(z.number()),
  });
  const json = {
    count: 2,
    rate: 2,
    list: [1, 2],
    pair: [3, 4],
    inner: { held_width: 5 },
    text: '6',
    piped: 7,
    unknown: 8,
  };
  expect(stringifyJson(withFloats(schema, json))).toBe(
    '{"count":2,"rate":2.0,"list":[1.0,2.0],"pair":[3,4.0],"inner":{"held_width":5.0},"text":"6","piped":7.0,"unknown":8}',
  );
});

test('configurations of CLIP and of the U-Net are written with the floats that Python reads', () => {
  const clip = parseConfig(clipConfigSchema, { logitScaleInitValue: 3, textConfig: { attentionDropout: 0 } }, 'clip');
  const tower = (config: object) => snakeCaseKeys({ ...config });
  const text = stringifyJson(
    withFloats(clipConfigSchema, { ...snakeCaseKeys(clip), text_config: tower(clip.textConfig) }),
    2,
  );
  for (const line of [
    '"logit_scale_init_value": 3.0',
    '"initializer_factor": 1.0',
    '"attention_dropout": 0.0',
    '"hidden_size": 512',
  ])
    expect(text).toContain(line);
  const unet = parseConfig(unet2DConfigSchema, { normEps: 1, sampleSize: 32 }, 'unet');
  const written = stringifyJson(withFloats(unet2DConfigSchema, toHuggingFace('UNet2DModel', unet)), 2);
  for (const line of [
    '"norm_eps": 1.0',
    '"dropout": 0.0',
    '"mid_block_scale_factor": 1.0',
    '"sample_size": 32',
    '"norm_num_groups": 32',
  ])
    expect(written).toContain(line);
});
