/** The options of commands that compare images by the features of a network. */
import type { Command } from 'commander';
import type { InceptionResize } from '../../eval/index.ts';
import { choiceOption } from '../options.ts';

/** What compares images. */
export interface FeatureOptions {
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
      `what compares images: fashion-mnist-classifier, the run or folder of a classifier, or InceptionV3 as a .safetensors file${otherwise}`,
    )
    .option(
      '--resize <name>',
      'how images come to the size of an Inception: bicubic as clean-fid does, or bilinear as pytorch-fid does',
      choiceOption('resize', resizes),
      'bicubic',
    );
}
