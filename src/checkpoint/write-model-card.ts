/** The README.md of a model folder: what the model is, and Python that samples from it. */
import { networkProcess, type SchedulerConfig, type SuperResolution } from '../diffusion/index.ts';
import type { UNet2DModel } from '../models/index.ts';
import { countParameters } from '../nn/index.ts';
import { layOutCard } from './card-layout.ts';
import type { ClassLabels } from './model-facts.ts';
import { inDiffusers, imageChannels } from './in-diffusers.ts';
import { schedulerFileOf } from './scheduler-json.ts';
import type { PlainPipeline, PythonSampling } from './schedulers/scheduler-file.ts';

/** The model that a card describes. */
export interface CardSource {
  readonly unet: UNet2DModel;
  readonly scheduler: SchedulerConfig;
  readonly classes?: ClassLabels | null | undefined;
  readonly superResolution?: SuperResolution | null | undefined;
}

/** Images that a model card's example generates. */
const generated = 4;

/** The card of a model; its Python runs in the folder as it stands. */
export function modelCardText({ unet, scheduler, classes, superResolution }: CardSource): string {
  const { pipelines, scheduler: className, note } = inDiffusers(unet.config, scheduler);
  const file = schedulerFileOf(scheduler);
  const classCount = unet.config.classEmbedType === null ? unet.config.numClassEmbeds : null;
  const rows: readonly (readonly [string, string])[] = [
    [
      'network',
      `\`UNet2DModel\`, ${countParameters(unet).toLocaleString('en-US')} parameters, images of ${imageShapeOf(unet, scheduler).join(' × ')}`,
    ],
    ['process', file.cardText(scheduler)],
    ...(superResolution
      ? [
          [
            'conditioned on',
            `an image of 1/${superResolution.factor} of the height and width, enlarged ${superResolution.upsampling}`,
          ] as const,
        ]
      : []),
    ['in diffusers', note ?? pipelines.map((name) => `\`${name}\``).join(' and ')],
    ...(classCount === null
      ? []
      : [
          [
            'classes',
            classes && classes.names.length <= 20
              ? classes.names.map((name, i) => `${i} ${name}`).join(', ')
              : `0 … ${classCount - 1}`,
          ] as const,
        ]),
    ...(typeof classes?.nullClass === 'number' ? [['any class', `${classes.nullClass}, for guidance`] as const] : []),
  ];
  return layOutCard({
    library: 'diffusers',
    task: unet.conditions.length === 0 ? 'unconditional-image-generation' : 'other',
    rows,
    command: `npx kuosan ${superResolution ? 'edit . --image small.png' : 'sample .'}`,
    programs:
      pipelines.length > 0
        ? pipelines.map((name) => pipelineCode(name, file.python(scheduler)))
        : [loopCode(unet, scheduler, className)],
  });
}

function imageShapeOf({ config }: UNet2DModel, scheduler: SchedulerConfig): readonly [number, number, number] {
  const size = config.sampleSize ?? 32;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  return [imageChannels(config, networkProcess(scheduler).varianceType), height, width];
}

function pipelineCode(name: PlainPipeline, { pipelineOptions }: PythonSampling): string[] {
  return [
    `from diffusers import ${name}`,
    '',
    `pipeline = ${name}.from_pretrained(".")`,
    `images = pipeline(batch_size=${generated}, ${pipelineOptions(name)}).images`,
    'images[0].save("image.png")',
  ];
}

function loopCode(unet: UNet2DModel, scheduler: SchedulerConfig, className: string): string[] {
  const {
    config: { inChannels, numClassEmbeds },
    conditions: [classInput],
  } = unet;
  const [channels, height, width] = imageShapeOf(unet, scheduler);
  const condChannels = inChannels - channels;
  const { setTimes, networkInput, initialScale } = schedulerFileOf(scheduler).python(scheduler);
  const classes =
    classInput === undefined
      ? []
      : classInput.count !== undefined
        ? [`classes = torch.tensor([${Array.from({ length: generated }, (_, i) => i % numClassEmbeds!).join(', ')}])`]
        : [`classes = torch.zeros(${[generated, ...classInput.shape].join(', ')})`];
  return [
    'import torch',
    `from diffusers import DDPMPipeline, ${className}, UNet2DModel`,
    '',
    'unet = UNet2DModel.from_pretrained(".", subfolder="unet")',
    `scheduler = ${className}.from_pretrained(".", subfolder="scheduler")`,
    setTimes,
    ...classes,
    ...(condChannels > 0
      ? [`condition = torch.zeros(${generated}, ${condChannels}, ${height}, ${width})  # the conditioning images`]
      : []),
    `x = torch.randn(${generated}, ${channels}, ${height}, ${width})${initialScale && ` * ${initialScale}`}`,
    'with torch.no_grad():',
    '    for t in scheduler.timesteps:',
    `        output = unet(${condChannels > 0 ? `torch.cat([${networkInput}, condition], dim=1)` : networkInput}, t${classes.length > 0 ? ', class_labels=classes' : ''}).sample`,
    '        x = scheduler.step(output, t, x).prev_sample',
    'images = DDPMPipeline.numpy_to_pil((x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())',
    'images[0].save("image.png")',
  ];
}
