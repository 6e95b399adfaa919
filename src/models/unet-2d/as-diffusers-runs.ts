import { presentName } from './block-types.ts';
import { unet2DConfigSchema, type UNet2DConfig } from './config.ts';

const classEmbedTypes: readonly unknown[] = [null, undefined, 'timestep', 'identity'];

/**
 * The configuration of a `UNet2DModel` of diffusers with the values that it runs there: what a network does not use may be
 * anything, any name of a middle block means `UNetMidBlock2D`, an unknown kind of class embedding means none, and what is
 * empty in Python means the default or false. What diffusers cannot run either stays as it is, to be refused.
 *
 * @param config  under our names
 * @see diffusers 0.42, models/unets/unet_2d.py and unet_2d_blocks.py
 */
export function asDiffusersRuns(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const found: Record<string, unknown> = { ...config };
  const change = (name: keyof UNet2DConfig, from: (value: unknown) => boolean, to: unknown) => {
    if (Object.hasOwn(found, name) && from(found[name])) found[name] = to;
  };
  for (const flag of ['centerInputSample', 'flipSinToCos', 'addAttention'] as const)
    change(flag, (value) => value === null || typeof value === 'number', Boolean(found[flag]));
  for (const type of ['downsampleType', 'upsampleType'] as const)
    change(type, (value) => value === null || value === '', 'conv');
  change('midBlockType', (value) => typeof value === 'string', 'UNetMidBlock2D');
  change('timeEmbeddingDim', (value) => value === 0, null);
  change('downsamplePadding', (value) => Array.isArray(value) && value.join() === '1,1', 1);
  if (!classEmbedTypes.includes(found['classEmbedType']))
    Object.assign(found, { classEmbedType: null, numClassEmbeds: null });

  const defaults = unet2DConfigSchema.parse({});
  for (const name of unused({ ...defaults, ...found }))
    change(name, (value) => !unet2DConfigSchema.shape[name].safeParse(value).success, defaults[name]);
  return found;
}

/** Options that say nothing of such a network. */
function unused(config: Readonly<Record<keyof UNet2DConfig, unknown>>): readonly (keyof UNet2DConfig)[] {
  const [down, up] = [blockNames(config.downBlockTypes), blockNames(config.upBlockTypes)];
  const blocks = [...down, ...up];
  // The lowest block of the down path and the highest of the up path keep their resolution.
  const changes = (path: readonly string[], name: string) => path.slice(0, -1).includes(name);
  const hasMiddle = config.midBlockType !== null;
  const uses = {
    downsampleType: changes(down, 'AttnDownBlock2D'),
    upsampleType: changes(up, 'AttnUpBlock2D'),
    downsamplePadding:
      changes(down, 'DownBlock2D') || (changes(down, 'AttnDownBlock2D') && config.downsampleType === 'conv'),
    midBlockScaleFactor: hasMiddle,
    // K blocks take the time their own way.
    resnetTimeScaleShift: hasMiddle || blocks.some((name) => !/^K(?:CrossAttn)?(?:Down|Up)Block2D$/.test(name)),
    attentionHeadDim: (hasMiddle && config.addAttention !== false) || blocks.some((name) => name.includes('Attn')),
    numTrainTimesteps: config.timeEmbeddingType === 'learned',
  } as const satisfies Partial<Record<keyof UNet2DConfig, boolean>>;
  return (Object.keys(uses) as (keyof typeof uses)[]).filter((name) => !uses[name]);
}

function blockNames(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.map((name) => presentName(String(name))) : [];
}
