/** The README.md of a model folder: what the model is, and Python that samples from it. */
import { networkProcess, type ConditionInput, type SchedulerConfig, type SuperResolution } from '../diffusion/index.ts';
import type { DenoisingNetwork } from '../models/index.ts';
import { countParameters } from '../nn/index.ts';
import { layOutCard } from './card-layout.ts';
import { denoisingPartOf } from './denoising-part.ts';
import type { ClassLabels } from './model-facts.ts';
import { channelsOf, inDiffusers } from './in-diffusers.ts';
import { schedulerFileOf } from './scheduler-json.ts';
import type { PlainPipeline, PythonSampling } from './schedulers/scheduler-file.ts';

/** The model that a card describes. */
export interface CardSource {
  readonly network: DenoisingNetwork;
  readonly scheduler: SchedulerConfig;
  readonly classes?: ClassLabels | null | undefined;
  readonly superResolution?: SuperResolution | null | undefined;
}

/** Images that a model card's example generates. */
const generated = 4;

/** The card of a model; its Python runs in the folder as it stands. */
export function modelCardText({ network, scheduler, classes, superResolution }: CardSource): string {
  const { pipelines, scheduler: className, note } = inDiffusers(network, scheduler);
  const file = schedulerFileOf(scheduler);
  const classCount = network.conditions.find(({ count }) => count !== undefined)?.count;
  const rows: readonly (readonly [string, string])[] = [
    [
      'network',
      `\`${network.className}\`, ${countParameters(network.module).toLocaleString('en-US')} parameters, images of ${imageShapeOf(network, scheduler).join(' × ')}`,
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
    ...(classCount === undefined
      ? []
      : [
          [
            'classes',
            classes && classes.names.length <= 20
              ? classes.names.map((name, i) => `${i} ${name}`).join(', ')
              : `0 … ${classCount - 1}`,
          ] as const,
        ]),
    ...(typeof classes?.nullClass === 'number' ? [['null label', `${classes.nullClass}, for guidance`] as const] : []),
  ];
  return layOutCard({
    library: 'diffusers',
    task: network.conditions.length === 0 ? 'unconditional-image-generation' : 'other',
    rows,
    command: `npx kuosan ${superResolution ? 'edit . --image small.png' : 'sample .'}`,
    programs:
      pipelines.length > 0
        ? pipelines.map((name) => pipelineCode(name, file.python(scheduler)))
        : [loopCode(network, scheduler, className)],
  });
}

function imageShapeOf(network: DenoisingNetwork, scheduler: SchedulerConfig): readonly number[] {
  const { generated: channels } = channelsOf(network, networkProcess(scheduler).varianceType);
  // One that takes any size is shown at 32 × 32.
  return [channels, ...(network.config['sampleSize'] === null ? [32, 32] : network.sample.slice(1))];
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

/** A tensor of each condition, called by its name: class numbers in turn, zeros for what else there is. */
function conditionLine({ name, shape, count }: ConditionInput): string {
  return count === undefined
    ? `${name} = torch.zeros(${[generated, ...shape].join(', ')})`
    : `${name} = torch.tensor([${Array.from({ length: generated }, (_, i) => i % count).join(', ')}])`;
}

function loopCode(network: DenoisingNetwork, scheduler: SchedulerConfig, schedulerClass: string): string[] {
  const { className, conditions } = network;
  const { name: folder } = denoisingPartOf(network);
  const [channels = 0, ...sides] = imageShapeOf(network, scheduler);
  const extra = channelsOf(network, networkProcess(scheduler).varianceType).taken - channels;
  const { setTimes, networkInput, initialScale } = schedulerFileOf(scheduler).python(scheduler);
  const input = extra > 0 ? `torch.cat([${networkInput}, condition], dim=1)` : networkInput;
  return [
    'import torch',
    `from diffusers import DDPMPipeline, ${schedulerClass}, ${className}`,
    '',
    `${folder} = ${className}.from_pretrained(".", subfolder="${folder}")`,
    `scheduler = ${schedulerClass}.from_pretrained(".", subfolder="scheduler")`,
    setTimes,
    ...conditions.map(conditionLine),
    ...(extra > 0
      ? [`condition = torch.zeros(${[generated, extra, ...sides].join(', ')})  # the conditioning images`]
      : []),
    `x = torch.randn(${[generated, channels, ...sides].join(', ')})${initialScale && ` * ${initialScale}`}`,
    'with torch.no_grad():',
    '    for t in scheduler.timesteps:',
    `        output = ${folder}(${[input, 't', ...conditions.map(({ name }) => `${name}=${name}`)].join(', ')}).sample`,
    '        x = scheduler.step(output, t, x).prev_sample',
    'images = DDPMPipeline.numpy_to_pil((x / 2 + 0.5).clamp(0, 1).permute(0, 2, 3, 1).numpy())',
    'images[0].save("image.png")',
  ];
}
