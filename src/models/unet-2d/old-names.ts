/** Names that tensors of a `UNet2DModel` had in early checkpoints, and have now. */
const oldAttentionNames = [
  ['query', 'to_q'],
  ['key', 'to_k'],
  ['value', 'to_v'],
  ['proj_attn', 'to_out.0'],
] as const;

const attentionTensor = new RegExp(
  `(\\.attentions\\.\\d+\\.)(${oldAttentionNames.map(([old]) => old).join('|')})(\\.(?:weight|bias))$`,
);

/** The present name of a tensor, whether given by it or by an old one. */
export function presentTensorName(name: string): string {
  return name.replace(
    attentionTensor,
    (_, path: string, old: string, end: string) =>
      path + oldAttentionNames.find(([candidate]) => candidate === old)![1] + end,
  );
}
