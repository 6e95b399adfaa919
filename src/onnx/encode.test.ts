import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeModel } from './decode.ts';
import { encodeModel } from './encode.ts';
import { attributeType, schemas, tensorDataType } from './protobuf.ts';
import type { AttributeProto, ModelProto, NodeProto, Schema, TensorProto, ValueInfoProto } from './protobuf.ts';

const bytesOf = (values: Float32Array): Uint8Array => new Uint8Array(values.buffer);

const ints = (name: string, values: readonly number[]): AttributeProto => ({
  name,
  ints: values,
  type: attributeType.ints,
});

const value = (name: string, dims: readonly (number | string)[]): ValueInfoProto => ({
  name,
  type: {
    tensorType: {
      elemType: tensorDataType.float,
      shape: { dim: dims.map((dim) => (typeof dim === 'number' ? { dimValue: dim } : { dimParam: dim })) },
    },
  },
});

const node = (
  opType: string,
  input: readonly string[],
  output: readonly string[],
  fields: Partial<NodeProto> = {},
): NodeProto => ({ opType, input, output, attribute: [], ...fields });

/** The model of test/golden/onnx-model.py. */
const golden: ModelProto = {
  irVersion: 8,
  producerName: 'kuosan',
  producerVersion: '0.1.0',
  opsetImport: [
    { domain: '', version: 18 },
    { domain: 'test.kuosan', version: 1 },
  ],
  metadataProps: [
    { key: 'steps', value: '1000' },
    { key: '空', value: '' },
  ],
  graph: {
    name: 'main',
    node: [
      node('Conv', ['x', 'w', 'b'], ['y'], {
        name: 'conv',
        attribute: [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1])],
      }),
      node('Clip', ['y', '', 'high'], ['h'], { name: 'clip' }),
      node('Everything', ['h'], ['z'], {
        name: 'every',
        domain: 'test.kuosan',
        attribute: [
          { name: 'f', f: 0.5, type: attributeType.float },
          { name: 'floats', floats: [1.5, -2.25], type: attributeType.floats },
          { name: 'i', i: -3, type: attributeType.int },
          ints('ints', [0, 1, -1, 2 ** 40]),
          { name: 's', s: 'tanh', type: attributeType.string },
          { name: 'strings', strings: ['a', '扩散'], type: attributeType.strings },
          {
            name: 't',
            t: { dims: [2], dataType: tensorDataType.float, rawData: bytesOf(Float32Array.of(1.5, -1)) },
            type: attributeType.tensor,
          },
        ],
      }),
    ],
    initializer: [
      {
        name: 'w',
        dims: [2, 1, 3, 3],
        dataType: tensorDataType.float,
        rawData: bytesOf(Float32Array.from({ length: 18 }, (_, i) => i / 16)),
      },
      { name: 'b', dims: [2], dataType: tensorDataType.float, rawData: bytesOf(Float32Array.of(0.5, -0.5)) },
      { name: 'high', dims: [], dataType: tensorDataType.float, rawData: bytesOf(Float32Array.of(1)) },
      { name: 'slope', dims: [2, 1], dataType: tensorDataType.float, floatData: [0.25, -0.5] },
      { name: 'shape', dims: [2], dataType: tensorDataType.int64, int64Data: [-1, 4] },
      { name: 'ids', dims: [3], dataType: tensorDataType.int32, int32Data: [7, -7, 2 ** 31 - 1] },
    ],
    input: [value('x', ['batch', 1, 4, 4])],
    output: [value('z', [])],
    valueInfo: [value('y', ['batch', 2, 4, 4])],
  },
};
const goldenFile = new Uint8Array(readFileSync(new URL('../../test/golden/onnx-model.onnx', import.meta.url)));

/** The least a model can be, with these changes. */
const modelWith = (graph: Partial<ModelProto['graph']>): ModelProto => ({
  irVersion: 8,
  opsetImport: [],
  metadataProps: [],
  graph: { node: [], initializer: [], input: [], output: [], valueInfo: [], ...graph },
});

test('every message of the schema lists its fields by ascending number', () => {
  for (const schema of Object.values(schemas) as Schema[]) {
    const numbers = Object.values(schema.fields).map(({ no }) => no);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    for (const no of Object.keys(schema.unsupported ?? {})) expect(numbers).not.toContain(Number(no));
  }
});

describe('against the Python library, whose checker accepted the file', () => {
  test('its model is read', () => {
    expect(decodeModel(goldenFile)).toEqual(golden);
  });

  test('the same model is written as the same bytes', () => {
    expect(encodeModel(golden)).toEqual(goldenFile);
  });
});

describe('values', () => {
  test('raw data is a view of the file', () => {
    const read = decodeModel(goldenFile);
    expect(read.graph.initializer[0]!.rawData!.buffer).toBe(goldenFile.buffer);
  });

  test('large weights come back, wherever they stand', () => {
    const large = new Uint8Array(10_000).map((_, i) => i * 7);
    const weight = (name: string): TensorProto => ({
      name,
      dims: [10_000],
      dataType: tensorDataType.uint8,
      rawData: large,
    });
    const constant = node('Constant', [], ['c'], {
      attribute: [{ name: 'value', t: weight('t'), type: attributeType.tensor }],
    });
    const model = modelWith({
      node: [constant, node('Relu', ['c'], ['d'])],
      initializer: [weight('a'), weight('b')],
      input: [value('x', [1])],
    });
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });

  test('an unknown rank, an unknown extent and an untyped value stay unknown', () => {
    const model = modelWith({
      input: [
        { name: 'a' },
        { name: 'b', type: { tensorType: { elemType: tensorDataType.float } } },
        { name: 'c', type: { tensorType: { elemType: tensorDataType.float, shape: { dim: [{}] } } } },
      ],
    });
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });

  test('repeated numbers are read packed and unpacked alike', () => {
    const packed = Uint8Array.of(0x08, 8, 0x3a, 7, 0x2a, 5, 0x0a, 2, 1, 2, 0x10, 1); // dims 1, 2 in one piece
    const single = Uint8Array.of(0x08, 8, 0x3a, 8, 0x2a, 6, 0x08, 1, 0x08, 2, 0x10, 1);
    packed[3] = packed.length - 4;
    packed[5] = packed.length - 6;
    expect(decodeModel(packed)).toEqual(decodeModel(single));
    expect(decodeModel(packed).graph.initializer[0]!.dims).toEqual([1, 2]);
  });

  test('an empty list of values is the same as none', () => {
    const model = modelWith({ node: [node('Op', [], [], { attribute: [ints('axes', [])] })] });
    expect(decodeModel(encodeModel(model)).graph.node[0]!.attribute).toEqual([
      { name: 'axes', type: attributeType.ints },
    ]);
  });

  test('what is written reads back', () => {
    fc.assert(
      fc.property(models, (model) => {
        const bytes = encodeModel(model);
        expect(decodeModel(bytes)).toEqual(model);
        expect(encodeModel(decodeModel(bytes))).toEqual(bytes);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});

describe('a model that cannot be written is refused', () => {
  const withAttribute = (fields: object) =>
    modelWith({ node: [node('Op', [], [], { attribute: [{ name: 'a', type: 2, ...fields } as AttributeProto] })] });
  const cases: [string, unknown, string][] = [
    [
      'an integer that is not exact',
      withAttribute({ i: 2 ** 53 }),
      'onnx: model.graph.node[0].attribute[0].i must be an integer within ±(2^53 − 1), got 9007199254740992',
    ],
    [
      'a fraction for an integer',
      withAttribute({ ints: [1, 0.5] }),
      'onnx: model.graph.node[0].attribute[0].ints[1] must be an integer',
    ],
    [
      'a number too large for 32 bits',
      withAttribute({ f: 1e39 }),
      'onnx: model.graph.node[0].attribute[0].f must be a 32-bit float, got 1e+39',
    ],
    [
      'an integer too large for 32 bits',
      withAttribute({ type: 2 ** 31 }),
      'onnx: model.graph.node[0].attribute[0].type must be a 32-bit integer, got 2147483648',
    ],
    ['a missing list', modelWith({ node: undefined as never }), 'onnx: model.graph.node must be a list, got undefined'],
    [
      'a value for a list',
      withAttribute({ ints: 3 }),
      'onnx: model.graph.node[0].attribute[0].ints must be a list, got 3',
    ],
    [
      'a missing operator',
      modelWith({ node: [node(undefined as never, [], [])] }),
      'onnx: model.graph.node[0].opType is missing',
    ],
    [
      'a number for text',
      modelWith({ node: [node('Op', [3 as never], [])] }),
      'onnx: model.graph.node[0].input[0] must be text, got 3',
    ],
    [
      'floats for bytes',
      modelWith({ initializer: [{ dims: [1], dataType: 1, rawData: Float32Array.of(1) as never }] }),
      'onnx: model.graph.initializer[0].rawData must be bytes, got 1',
    ],
    ['no graph', { ...golden, graph: undefined }, 'onnx: model.graph is missing'],
  ];
  test.each(cases)('%s', (_title, model, message) => {
    expect(() => encodeModel(model as ModelProto)).toThrow(message);
  });
});

describe('bytes that are no such model are refused with what and where', () => {
  const cases: [string, Uint8Array, string][] = [
    ['nothing', new Uint8Array(0), 'onnx: ModelProto.irVersion is missing (bytes 0 to 0)'],
    ['no graph', Uint8Array.of(0x08, 8), 'onnx: ModelProto.graph is missing (bytes 0 to 2)'],
    ['text', new TextEncoder().encode('<html><body></body></html>'), 'onnx: '],
    [
      'a field of another kind',
      Uint8Array.of(0x0a, 1, 0),
      'onnx: ModelProto.irVersion has wire type 2, expected 0 (near byte 1)',
    ],
    [
      'a length beyond the end',
      Uint8Array.of(0x08, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f),
      'onnx: ModelProto.graph takes 4294967295 bytes from byte 8, the model has 8',
    ],
    [
      'a field that leaves its message',
      Uint8Array.of(0x08, 8, 0x3a, 2, 0x12, 3, 65, 66, 67),
      'onnx: GraphProto ends at byte 6, its field 2 at byte 9',
    ],
    [
      'an integer that is not exact',
      Uint8Array.of(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
      'onnx: ModelProto.irVersion is beyond ±(2^53 − 1) (at byte 1)',
    ],
    ['text that is no UTF-8', Uint8Array.of(0x12, 1, 0xff), 'onnx: ModelProto.producerName is not text (at byte 1)'],
    ['a graph given twice', Uint8Array.of(0x3a, 0, 0x3a, 0), 'onnx: ModelProto.graph appears twice (at byte 2)'],
    ['functions', Uint8Array.of(0xca, 0x01, 0), 'onnx: ModelProto.functions is not supported (at byte 0)'],
    [
      'a varint without an end',
      Uint8Array.of(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
      'onnx: not a valid model: ',
    ],
    ['nested groups', new Uint8Array(100_000).fill(0x1b), 'onnx: '],
  ];
  test.each(cases)('%s', (_title, bytes, message) => {
    expect(() => decodeModel(bytes)).toThrow(message);
  });
});

describe('whatever the bytes, reading ends in a model or in a message', () => {
  const decodes = (bytes: Uint8Array) => {
    try {
      return decodeModel(bytes);
    } catch (error) {
      expect((error as Error).message).toMatch(/^onnx: /);
      return undefined;
    }
  };

  test('random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodes(bytes)),
      { seed: 1, numRuns: 3000 },
    );
  });

  test('a valid model with some bytes changed, or cut short', () => {
    const edits = fc.array(fc.tuple(fc.nat(goldenFile.length - 1), fc.nat(255)), { maxLength: 4 });
    fc.assert(
      fc.property(edits, fc.nat(goldenFile.length), fc.boolean(), (changes, length, cut) => {
        const bytes = goldenFile.slice(0, cut ? length : undefined);
        for (const [place, byte] of changes) if (place < bytes.length) bytes[place] = byte;
        const model = decodes(bytes);
        if (model) expect(decodeModel(encodeModel(model))).toEqual(model);
      }),
      { seed: 1, numRuns: 5000 },
    );
  });
});

/** Any tree the types allow. */
const models: fc.Arbitrary<ModelProto> = (() => {
  const text = fc.string({ unit: 'grapheme', maxLength: 40 });
  const int64 = fc.maxSafeInteger();
  const int32 = fc.integer();
  const float = fc.float();
  const list = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 3 });
  /** A list that is left out when empty. */
  const values = <T>(item: fc.Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 3 });
  const tensors = fc.record(
    {
      dims: list(int64),
      dataType: int32,
      floatData: values(float),
      int32Data: values(int32),
      int64Data: values(int64),
      name: text,
      rawData: fc.uint8Array({ maxLength: 5 }),
    },
    { noNullPrototype: true, requiredKeys: ['dims', 'dataType'] },
  );
  const attributes = fc.record(
    {
      name: text,
      f: float,
      i: int64,
      s: text,
      t: tensors,
      floats: values(float),
      ints: values(int64),
      strings: values(text),
      type: int32,
    },
    { noNullPrototype: true, requiredKeys: ['name', 'type'] },
  );
  const nodes = fc.record(
    { input: list(text), output: list(text), name: text, opType: text, attribute: list(attributes), domain: text },
    { noNullPrototype: true, requiredKeys: ['input', 'output', 'opType', 'attribute'] },
  );
  const dims = fc.oneof(
    fc.record({ dimValue: int64 }, { noNullPrototype: true }),
    fc.record({ dimParam: text }, { noNullPrototype: true }),
  );
  const valueInfos = text.chain((name) =>
    list(dims).map((dim) => ({ name, type: { tensorType: { elemType: 1, shape: { dim } } } })),
  );
  const graphs = fc.record(
    {
      node: list(nodes),
      name: text,
      initializer: list(tensors),
      input: list(valueInfos),
      output: list(valueInfos),
      valueInfo: list(valueInfos),
    },
    { noNullPrototype: true, requiredKeys: ['node', 'initializer', 'input', 'output', 'valueInfo'] },
  );
  return fc.record(
    {
      irVersion: int64,
      producerName: text,
      producerVersion: text,
      graph: graphs,
      opsetImport: list(fc.record({ domain: text, version: int64 }, { noNullPrototype: true })),
      metadataProps: list(fc.record({ key: text, value: text }, { noNullPrototype: true })),
    },
    { noNullPrototype: true, requiredKeys: ['irVersion', 'graph', 'opsetImport', 'metadataProps'] },
  );
})();
