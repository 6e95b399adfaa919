/** The README.md of a model folder: what the model is, and Python that samples from it. */
import { describeProcess, networkProcess, type SchedulerConfig, type SuperResolution } from '../diffusion/index.ts';
import type { UNet2DModel } from '../models/index.ts';
import { countParameters } from '../nn/index.ts';
import { layOutCard } from './card-layout.ts';
import type { ClassLabels } from './model-facts.ts';
import { inDiffusers, imageChannels } from './in-diffusers.ts';

/** The model that a card describes. */
export interface CardSource {
  readonly unet: UNet2DModel;
  readonly scheduler: SchedulerConfig;
  readonly classes?: ClassLabels | null | undefined;
  readonly superResolution?: SuperResolution | null | undefined;
}

/** Images that a model card's example generates. */
const drawn = 4;

/** The card of a model; its Python runs in the folder as it stands. */
export function modelCardText({ unet, scheduler, classes, superResolution }: CardSource): string {
  const { pipelines, scheduler: className, note } = inDiffusers(unet.config, scheduler);
  const classCount = unet.config.classEmbedType === null ? unet.config.numClassEmbeds : null;
  const rows: readonly (readonly [string, string])[] = [
    [
      'network',
      `\`UNet2DModel\`, ${countParameters(unet).toLocaleString('en-US')} parameters, images of ${imageShapeOf(unet, scheduler).join(' × ')}`,
    ],
    ['process', processText(scheduler)],
    ...(superResolution
      ? [
          [
            'sees',
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
        ? pipelines.map((name) => pipelineCode(name, scheduler))
        : [loopCode(unet, scheduler, className)],
  });
}

function processText(scheduler: SchedulerConfig): string {
  if (scheduler.process !== undefined) return describeProcess(scheduler);
  const {
    numTrainTimesteps: T,
    betaSchedule,
    trainedBetas,
    rescaleBetasZeroSnr,
    predictionType,
    varianceType,
  } = scheduler;
  const schedule = trainedBetas ? 'a schedule of its own' : `schedule ${betaSchedule}`;
  return `${T} steps, ${schedule}${rescaleBetasZeroSnr ? ' rescaled to end without signal' : ''}, prediction ${predictionType}, variance ${varianceType}`;
}

function imageShapeOf({ config }: UNet2DModel, scheduler: SchedulerConfig): readonly [number, number, number] {
  const size = config.sampleSize ?? 32;
  const [height, width] = typeof size === 'number' ? [size, size] : size;
  return [imageChannels(config, networkProcess(scheduler).varianceType), height, width];
}

function pipelineCode(
  name: 'DDPMPipeline' | 'DDIMPipeline',
  { process, numTrainTimesteps: T }: SchedulerConfig,
): string[] {
  // Our DDIM takes ε̂ from the clipped x̂_0, as its authors' code does; there it is an option.
  const options =
    process === 'flow'
      ? 'num_inference_steps=50'
      : name === 'DDPMPipeline'
        ? `num_inference_steps=${T}`
        : `num_inference_steps=${evenSteps(T)}, use_clipped_model_output=True`;
  return [
    `from diffusers import ${name}`,
    '',
    `pipeline = ${name}.from_pretrained(".")`,
    `images = pipeline(batch_size=${drawn}, ${options}).images`,
    'images[0].save("image.png")',
  ];
}

/** Fifty steps or the next fewer that divide T: diffusers' DDIM takes ⌊T/N⌋ for the distance of its times, whatever they are. */
function evenSteps(T: number): number {
  let steps = Math.min(50, T);
  while (T % steps !== 0) steps--;
  return steps;
}

/** All steps of a process that has them; of the others fifty, for a flow the times that Euler's method takes here. */
function setTimes({ process, numTrainTimesteps: T }: SchedulerConfig): string {
  switch (process) {
    case undefined:
      return `scheduler.set_timesteps(${T})`;
    case 'flow':
      return 'scheduler.set_timesteps(sigmas=[1 - i / 50 for i in range(50)])';
    case 'edm':
      return 'scheduler.set_timesteps(50)';
  }
}

function loopCode(unet: UNet2DModel, scheduler: SchedulerConfig, className: string): string[] {
  const {
    config: { inChannels, numClassEmbeds },
    conditions: [classInput],
  } = unet;
  const [channels, height, width] = imageShapeOf(unet, scheduler);
  const condChannels = inChannels - channels;
  const edm = scheduler.process === 'edm';
  const seen = edm ? 'scheduler.scale_model_input(x, t)' : 'x';
  const classes =
    classInput === undefined
      ? []
      : classInput.count !== undefined
        ? [`classes = torch.tensor([${Array.from({ length: drawn }, (_, i) => i % numClassEmbeds!).join(', ')}])`]
        : [`classes = torch.zeros(${[drawn, ...classInput.shape].join(', ')})`];
  return [
    'import torch',
    `from diffusers import DDPMPipeline, ${className}, UNet2DModel`,
    '',
    'unet = UNet2DModel.from_pretrained(".", subfolder="unet")',
    `scheduler = ${className}.from_pretrained(".", subfolder="scheduler")`,
    setTimes(scheduler),
    ...classes,
    ...(condChannels > 0
      ? [`condition = torch.zeros(${drawn}, ${condChannels}, ${height}, ${width})  # the conditioning images`]
      : []),
    `x = torch.randn(${drawn}, ${channels}, ${height}, ${width})${edm ? ' * scheduler.config.sigma_max' : ''}`,
    'with torch.no_grad():',
    '    for t in scheduler.timesteps:',
    `        output = unet(${condChannels > 0 ? `torch.cat([${seen}, condition], dim=1)` : seen}, t${classes.length > 0 ? ', class_labels=classes' : ''}).sample`,
    '        x = scheduler.step(output, t, x).prev_sample',
    'images = DDPMPipeline.numpy_to_pil((x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())',
    'images[0].save("image.png")',
  ];
}
