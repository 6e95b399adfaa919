/**
 * The scheduler of diffusers' `IFPipeline`: a `DDPMScheduler` whose file also says how x̂_0 is thresholded and where
 * steps lie.
 */
import { z } from 'zod';
import { timestepSpacings, type Sampling, type SchedulerConfig, type TimestepSpacing } from '../diffusion/index.ts';
import { jsonText, type JsonObject } from '../formats/json-object.ts';
import { parseConfig, toHuggingFace, withFloats } from '../models/index.ts';
import type { Component } from './component.ts';
import { schedulerFile } from './file-names.ts';
import { inside, readModelJson } from './model-files.ts';
import { schedulerFileSchema, schedulerFromJson, schedulerToJson } from './scheduler-json.ts';

/** A process, and what of sampling its file says. */
export interface ThresholdedScheduler {
  readonly scheduler: SchedulerConfig;
  readonly sampling: Pick<Sampling, 'dynamicThresholding'> & { readonly spacing?: TimestepSpacing | undefined };
}

/** The class that IFPipeline steps with. */
const className = 'DDPMScheduler';

const ownSchema = z.object({
  thresholding: z.boolean().default(false),
  dynamic_thresholding_ratio: z.number().min(0).max(1).default(0.995),
  sample_max_value: z.number().min(1).or(z.literal(Infinity)).default(1),
  timestep_spacing: z.enum(timestepSpacings).default('leading'),
  steps_offset: z.literal(0, { error: 'expected 0: steps are not moved here' }).default(0),
});

/** Reads and writes it. Writing needs a discrete-time process. */
export const thresholdedSchedulerComponent: Component<ThresholdedScheduler> = {
  library: 'diffusers',
  classNames: [className],
  file: schedulerFile,
  className: () => className,
  async read(files, folder) {
    const path = inside(folder, schedulerFile);
    const where = `checkpoint ${files.name(path)}`;
    const json = await readModelJson(files, path, { infinite: true });
    const own = parseConfig(ownSchema, json, where);
    const { thresholding, dynamic_thresholding_ratio: ratio, sample_max_value: sampleMaxValue } = own;
    return {
      scheduler: schedulerFromJson({ ...json, thresholding: false }, where),
      sampling: {
        spacing: own.timestep_spacing,
        ...(thresholding && { dynamicThresholding: { ratio, sampleMaxValue } }),
      },
    };
  },
  write: ({ scheduler, sampling: { spacing = 'leading', dynamicThresholding } }) => {
    const json: JsonObject = {
      ...schedulerToJson(scheduler),
      ...toHuggingFace(className, {
        timestepSpacing: spacing,
        thresholding: dynamicThresholding !== undefined,
        ...(dynamicThresholding && {
          dynamicThresholdingRatio: dynamicThresholding.ratio ?? 0.995,
          sampleMaxValue: dynamicThresholding.sampleMaxValue ?? unbounded,
        }),
      }),
    };
    return [[schedulerFile, jsonText(withFloats(schedulerFileSchema(scheduler), json))]];
  },
};

/** Of a threshold without a bound, which JSON has no word for: x̂_0 is never as large. */
const unbounded = 1e6;
