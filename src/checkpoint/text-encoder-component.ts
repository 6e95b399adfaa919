/** A text encoder as a part of a model, in the layout of text-encoder-folder.ts. */
import type { Content } from '../files/durable-files.ts';
import { jsonText } from '../formats/json-object.ts';
import { safetensorsParts, type FileTensor } from '../formats/safetensors.ts';
import { snakeCaseKeys, withFloats } from '../models/config.ts';
import { textEncoderClasses } from '../models/text-encoder.ts';
import type { Component, WritePartOptions } from './component.ts';
import { configFile } from './file-names.ts';
import { quantizeWeights } from './int8-weights.ts';
import {
  int8Quantization,
  modulesFile,
  poolingSwitches,
  readTextEncoder,
  sentenceFile,
  tokenizerConfigFile,
  tokenizerFile,
  type LoadedTextEncoder,
} from './text-encoder-folder.ts';
import { int8Variant, variantFile, weightsFileNames } from './weight-files.ts';
import { storedWeights } from './weights.ts';

/** How the weights of a text encoder are stored: int8 is a quarter of f32. */
export type TextEncoderDType = 'f32' | 'f16' | 'int8';

/** A text encoder as a part of a model's folder. */
export function textEncoderComponent({
  dtype: own,
}: { readonly dtype?: TextEncoderDType } = {}): Component<LoadedTextEncoder> {
  return {
    library: 'transformers',
    classNames: textEncoderClasses,
    file: configFile,
    className: ({ network }) => network.className,
    read: (files, folder, options) => readTextEncoder(files, { folder, ...options }),
    write: (encoder, { dtype = 'f32', ...options }) => textEncoderContent(encoder, own ?? dtype, options),
  };
}

/** The files that a text encoder becomes, its `config.json` last. */
export function textEncoderContent(
  { network, weights, tokenizer, tokenizerConfig, pooling, maxLength, lowercase }: LoadedTextEncoder,
  dtype: TextEncoderDType,
  { where, metadata = () => ({}) }: Pick<WritePartOptions, 'where' | 'metadata'>,
): (readonly [file: string, content: Content])[] {
  const { module, className, modelType, config, schema, width, publishedName } = network;
  const stored: ReadonlyMap<string, FileTensor> =
    dtype === 'int8' ? quantizeWeights(weights, where) : storedWeights(module, weights, dtype, where);
  const published = new Map([...stored].map(([name, tensor]) => [publishedName(name), tensor]));
  const { modes, normalize } = pooling;
  const steps = [
    ['Transformer', ''],
    ['Pooling', '1_Pooling'],
    ...(normalize ? [['Normalize', '2_Normalize'] as const] : []),
  ] as const;
  const asSentences: (readonly [string, Content])[] =
    modes.length === 0
      ? []
      : [
          [
            modulesFile,
            jsonText(
              steps.map(([kind, path], idx) => ({
                idx,
                name: String(idx),
                path,
                type: `sentence_transformers.models.${kind}`,
              })),
            ),
          ],
          [
            '1_Pooling/config.json',
            jsonText({
              word_embedding_dimension: width,
              ...Object.fromEntries(poolingSwitches.map(([key, mode]) => [key, modes.includes(mode)])),
            }),
          ],
          [sentenceFile, jsonText({ max_seq_length: maxLength, do_lower_case: lowercase })],
        ];
  return [
    // On one line: laid out it is half as large again.
    [tokenizerFile, `${JSON.stringify(tokenizer)}\n`],
    [tokenizerConfigFile, jsonText(tokenizerConfig ?? { model_max_length: maxLength })],
    ...asSentences,
    [
      dtype === 'int8' ? variantFile(weightsFileNames.transformers, int8Variant) : weightsFileNames.transformers,
      safetensorsParts(
        { types: published, read: async (name) => published.get(name)! },
        { format: 'pt', ...metadata(published) },
      ),
    ],
    [
      configFile,
      jsonText(
        withFloats(schema, {
          architectures: [className],
          model_type: modelType,
          ...snakeCaseKeys(config),
          ...(dtype === 'int8' && { quantization_config: int8Quantization }),
        }),
      ),
    ],
  ];
}
