/** The README.md of a folder of text to image: what the model is, and how it is used. */
import { describeProcess, type SchedulerConfig } from '../diffusion/index.ts';
import type { FieldCondition, UNet2DConditionModel } from '../models/index.ts';
import { countParameters } from '../nn/index.ts';
import { layOutCard } from './card-layout.ts';

/** The model that a card describes. */
export interface TextToImageCardSource {
  readonly network: UNet2DConditionModel;
  readonly scheduler: SchedulerConfig;
  readonly fields: readonly FieldCondition[];
  readonly maxTokens: number;
  /** It enlarges images. */
  readonly enlarges: boolean;
}

/** The card of a model; its Python runs in the folder as it stands. */
export function textToImageCardText(source: TextToImageCardSource): string {
  return layOutCard({
    library: 'diffusers',
    task: source.enlarges ? 'image-to-image' : 'text-to-image',
    rows: textToImageRows(source),
    command: source.enlarges
      ? 'npx kuosan edit . --image small.png'
      : 'npx kuosan sample . --prompt "a folder with a heart"',
    programs: [
      [
        'from diffusers import UNet2DConditionModel',
        '',
        '# The network alone: no pipeline of diffusers joins it with this text encoder.',
        'unet = UNet2DConditionModel.from_pretrained(".", subfolder="unet")',
        'print(f"{unet.num_parameters():,} parameters")',
      ],
    ],
  });
}

/** What the table of a card says of the model. */
export function textToImageRows({
  network,
  scheduler,
  fields,
  maxTokens,
}: TextToImageCardSource): (readonly [what: string, value: string])[] {
  const { inChannels, sampleSize } = network.config;
  const [height = 0, width = height] = [sampleSize ?? 0].flat() as readonly number[];
  return [
    [
      'network',
      `\`UNet2DConditionModel\`, ${countParameters(network).toLocaleString('en-US')} parameters, ${inChannels} × ${height} × ${width}; its configuration is \`unet/config.json\``,
    ],
    ['process', describeProcess(scheduler)],
    ['prompts', `at most ${maxTokens} tokens, read by the encoder in \`text_encoder\``],
    ...fields.map(
      ({ name, values }) =>
        [name, values.length <= 50 ? values.join(', ') : `${values.length} values, listed in \`kuosan.json\``] as const,
    ),
  ];
}
