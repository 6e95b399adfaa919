/** Options that change a denoiser before it is sampled: classifier-free guidance and thresholding. */
import type { Command } from 'commander';
import type { Guidance } from '../diffusion/index.ts';
import { numberOption, UsageError } from './options.ts';

/** The options of guidance and thresholding. */
export interface GuidanceCommandOptions {
  readonly guidanceScale?: number;
  readonly guidanceRescale?: number;
  /** Noise levels σ/α, rising. */
  readonly guidanceInterval?: readonly [number, number];
  readonly dynamicThreshold?: number;
}

/** Adds them to a command. */
export function addGuidanceOptions(command: Command): Command {
  return command
    .option(
      '--guidance-scale <s>',
      'classifier-free guidance scale, for a model trained with label dropout; 1 is off',
      numberOption('--guidance-scale', -100, 100),
    )
    .option(
      '--guidance-rescale <x>',
      'rescale guided predictions to the standard deviation of conditional ones, from 0 (off) to 1 (Lin et al. 2024)',
      numberOption('--guidance-rescale', 0, 1),
    )
    .option(
      '--guidance-interval <from,to>',
      'guidance interval in noise levels σ/α, such as 0.3,5 or 0.3,inf; default all',
      readInterval,
    )
    .option(
      '--dynamic-threshold <p>',
      'dynamic thresholding at quantile p of each estimate, for strong guidance; Imagen takes 0.995',
      numberOption('--dynamic-threshold', 0, 1),
    );
}

function readInterval(text: string): readonly [number, number] {
  const [from, to, ...more] = text
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : part === 'inf' ? Infinity : Number(part)));
  if (more.length > 0 || !(from! >= 0 && from! < to!))
    throw new UsageError(
      `--guidance-interval: expected two increasing noise levels σ/α, such as 0.3,5 or 0.3,inf, got ${JSON.stringify(text)}`,
    );
  return [from!, to!];
}

/**
 * Before anything is opened.
 *
 * @throws UsageError if guidance is changed and there is none
 */
export function checkGuidanceOptions({
  guidanceScale,
  guidanceRescale,
  guidanceInterval,
}: GuidanceCommandOptions): void {
  if (guidanceScale !== undefined) return;
  for (const [option, value] of Object.entries({
    '--guidance-rescale': guidanceRescale,
    '--guidance-interval': guidanceInterval,
  })) {
    if (value !== undefined) throw new UsageError(`${option}: needs guidance; add --guidance-scale`);
  }
}

/** The library's options from those of the command line. */
export function guidanceOptions({
  guidanceScale,
  guidanceRescale,
  guidanceInterval,
  dynamicThreshold,
}: GuidanceCommandOptions): Guidance {
  return {
    guidanceScale,
    guidanceRescale,
    guidanceInterval,
    dynamicThresholding: dynamicThreshold === undefined ? undefined : { ratio: dynamicThreshold },
  };
}
