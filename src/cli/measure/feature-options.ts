/** The options of commands that compare images by the features of a network. */
import type { Command } from 'commander';
import type { InceptionResize } from '../../eval/index.ts';
import { choiceOption } from '../options.ts';

/** What compares images. */
export interface FeatureCommandOptions {
  readonly features?: string;
  readonly resize: InceptionResize;
}

/** The library's ways, written out: importing them would load the engine for `--help`. */
const resizes = ['bicubic', 'bilinear'] as const satisfies readonly InceptionResize[];

/** @param otherwise  what happens without the option, for the help */
export function addFeatureOptions(command: Command, otherwise = ''): Command {
  return command
    .option(
      '--features <network>',
      `feature extractor: fashion-mnist-classifier, the run or folder of a classifier, or InceptionV3 as a .safetensors file${otherwise}`,
    )
    .option(
      '--resize <name>',
      'resizing for Inception: bicubic as in clean-fid, or bilinear as in pytorch-fid',
      choiceOption('resize', resizes),
      'bicubic',
    );
}
