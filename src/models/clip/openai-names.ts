/** The names and layouts that OpenAI's published weights (and OpenCLIP's of the same networks) have, and transformers' for them. */
import type { HostData, Shape } from '../../core/index.ts';

interface Stored {
  readonly shape: Shape;
  readonly data: HostData;
}

/** Tensors outside the blocks: OpenAI's name, transformers', and whether the matrix is stored the other way round. */
export const openAINames = [
  ['logit_scale', 'logit_scale'],
  ['text_projection', 'text_projection.weight', 'transposed'],
  ['token_embedding.weight', 'text_model.embeddings.token_embedding.weight'],
  ['positional_embedding', 'text_model.embeddings.position_embedding.weight'],
  ['ln_final.weight', 'text_model.final_layer_norm.weight'],
  ['ln_final.bias', 'text_model.final_layer_norm.bias'],
  ['visual.proj', 'visual_projection.weight', 'transposed'],
  ['visual.class_embedding', 'vision_model.embeddings.class_embedding'],
  ['visual.conv1.weight', 'vision_model.embeddings.patch_embedding.weight'],
  ['visual.positional_embedding', 'vision_model.embeddings.position_embedding.weight'],
  ['visual.ln_pre.weight', 'vision_model.pre_layrnorm.weight'],
  ['visual.ln_pre.bias', 'vision_model.pre_layrnorm.bias'],
  ['visual.ln_post.weight', 'vision_model.post_layernorm.weight'],
  ['visual.ln_post.bias', 'vision_model.post_layernorm.bias'],
] as const satisfies readonly (readonly [string, string, 'transposed'?])[];

/** Where the blocks of each tower are. */
export const openAIBlocks = [
  ['visual.transformer.resblocks.', 'vision_model.encoder.layers.'],
  ['transformer.resblocks.', 'text_model.encoder.layers.'],
] as const;

/** Tensors of a block; a list is one tensor over there, rows of the first map before those of the next. */
export const openAIBlockNames = [
  ['attn.in_proj_weight', ['self_attn.q_proj.weight', 'self_attn.k_proj.weight', 'self_attn.v_proj.weight']],
  ['attn.in_proj_bias', ['self_attn.q_proj.bias', 'self_attn.k_proj.bias', 'self_attn.v_proj.bias']],
  ['attn.out_proj.weight', ['self_attn.out_proj.weight']],
  ['attn.out_proj.bias', ['self_attn.out_proj.bias']],
  ['ln_1.weight', ['layer_norm1.weight']],
  ['ln_1.bias', ['layer_norm1.bias']],
  ['ln_2.weight', ['layer_norm2.weight']],
  ['ln_2.bias', ['layer_norm2.bias']],
  ['mlp.c_fc.weight', ['mlp.fc1.weight']],
  ['mlp.c_fc.bias', ['mlp.fc1.bias']],
  ['mlp.c_proj.weight', ['mlp.fc2.weight']],
  ['mlp.c_proj.bias', ['mlp.fc2.bias']],
] as const;

/** Numbers and masks in OpenAI's archives that are no weights. */
const notWeights: readonly string[] = ['input_resolution', 'context_length', 'vocab_size', 'attn_mask'];

/** Whether tensors go by OpenAI's names. */
export function hasOpenAINames(names: Iterable<string>): boolean {
  return [...names].some((name) => name.startsWith('visual.') || name.startsWith('transformer.resblocks.'));
}

/**
 * The tensors under transformers' names and in its layouts: attention's three maps apart, projections the other way
 * round. What has no counterpart keeps its name.
 *
 * @param where  how messages call the place
 * @throws one line that names a tensor that does not split in three, or a tower that is no transformer
 */
export function fromOpenAINames<T extends Stored>(tensors: ReadonlyMap<string, T>, where: string): Map<string, T> {
  const renamed = new Map<string, T>();
  if (tensors.has('visual.layer1.0.conv1.weight'))
    throw new Error(
      `${where}: the image tower is a ResNet (tensor "visual.layer1.0.conv1.weight"), which is not supported; take a model with a vision transformer, ViT-…`,
    );
  for (const [name, tensor] of tensors) {
    if (notWeights.includes(name)) continue;
    const plain = openAINames.find(([theirs]) => theirs === name);
    const block = openAIBlocks.find(([theirs]) => name.startsWith(theirs));
    if (plain) renamed.set(plain[1], plain[2] === 'transposed' ? transposed(tensor, name, where) : tensor);
    else if (block) {
      const [number, ...rest] = name.slice(block[0].length).split('.');
      const ours = openAIBlockNames.find(([theirs]) => theirs === rest.join('.'))?.[1];
      if (!ours) renamed.set(name, tensor);
      else
        rowsOf(tensor, ours.length, name, where).forEach((part, i) =>
          renamed.set(`${block[1]}${number}.${ours[i]!}`, part),
        );
    } else renamed.set(name, tensor);
  }
  return renamed;
}

function rowsOf<T extends Stored>(tensor: T, parts: number, name: string, where: string): T[] {
  if (parts === 1) return [tensor];
  const [rows = 0, ...rest] = tensor.shape;
  if (rows % parts !== 0)
    throw new Error(
      `${where}: tensor ${JSON.stringify(name)} is [${tensor.shape.join(', ')}], expected three maps, one after the other`,
    );
  const size = tensor.data.length / parts;
  return Array.from({ length: parts }, (_, i) => ({
    ...tensor,
    shape: [rows / parts, ...rest],
    data: tensor.data.slice(i * size, (i + 1) * size),
  }));
}

function transposed<T extends Stored>(tensor: T, name: string, where: string): T {
  const [rows, columns, ...more] = tensor.shape;
  if (rows === undefined || columns === undefined || more.length > 0)
    throw new Error(`${where}: tensor ${JSON.stringify(name)} is [${tensor.shape.join(', ')}], expected a matrix`);
  // Elements are moved, whatever their type.
  const source = tensor.data as Float32Array;
  const data = source.slice();
  for (let i = 0; i < data.length; i++) data[i] = source[(i % rows) * columns + Math.floor(i / rows)]!;
  return { ...tensor, shape: [columns, rows], data };
}

/** The width of a head in every model that OpenAI published. */
const headWidth = 64;

/**
 * The configuration of weights that come without one, from the shapes of their tensors; what these do not say is as in
 * OpenAI's models: heads 64 wide, quick_gelu, and the last token of the vocabulary ends a text.
 *
 * @param tensors  under transformers' names
 * @returns        as transformers writes it
 * @throws one line that names a tensor that is missing or does not fit
 */
export function configFromShapes(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>,
  where: string,
): Record<string, unknown> {
  const shape = (name: string, axes: number): readonly number[] => {
    const found = tensors.get(name)?.shape;
    if (found?.length !== axes)
      throw new Error(
        `${where}: ${found ? `tensor ${JSON.stringify(name)} is [${found.join(', ')}], expected ${axes} axes` : `there is no tensor ${JSON.stringify(name)}`}, so the model's configuration is unknown; put its config.json next to it`,
      );
    return found;
  };
  const tower = (name: string, width: number) => {
    if (width % headWidth !== 0)
      throw new Error(
        `${where}: the width ${width} of ${name} does not split into heads of ${headWidth}, OpenAI's; put the model's config.json next to it`,
      );
    const block = new RegExp(`^${name}\\.encoder\\.layers\\.(\\d+)\\.layer_norm1\\.weight$`);
    return {
      hidden_size: width,
      num_attention_heads: width / headWidth,
      intermediate_size: shape(`${name}.encoder.layers.0.mlp.fc1.bias`, 1)[0]!,
      num_hidden_layers: [...tensors.keys()].filter((key) => block.test(key)).length,
      hidden_act: 'quick_gelu',
    };
  };
  const [vocab, textWidth] = shape('text_model.embeddings.token_embedding.weight', 2) as [number, number];
  const [visionWidth, channels, patch] = shape('vision_model.embeddings.patch_embedding.weight', 4) as [
    number,
    number,
    number,
  ];
  const grid = Math.sqrt(shape('vision_model.embeddings.position_embedding.weight', 2)[0]! - 1);
  if (!Number.isInteger(grid))
    throw new Error(
      `${where}: ${grid ** 2} patches are no square, so the images' size is unknown; put the model's config.json next to it`,
    );
  return {
    text_config: {
      ...tower('text_model', textWidth),
      vocab_size: vocab,
      max_position_embeddings: shape('text_model.embeddings.position_embedding.weight', 2)[0]!,
      bos_token_id: vocab - 2,
      eos_token_id: vocab - 1,
      pad_token_id: vocab - 1,
    },
    vision_config: {
      ...tower('vision_model', visionWidth),
      num_channels: channels,
      patch_size: patch,
      image_size: grid * patch,
    },
    projection_dim: shape('text_projection.weight', 2)[0]!,
  };
}
