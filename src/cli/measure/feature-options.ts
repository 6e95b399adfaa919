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

export function addFeatureOptions(command: Command): Command {
  return command
    .option(
      '--features <network>',
      "feature extractor: a CLIP's image embeddings (emoji-clip, a run, a folder of transformers), a classifier (fashion-mnist-classifier, a run, a folder), or InceptionV3 as a .safetensors file; default emoji-clip, for gray images of 32×32 fashion-mnist-classifier",
    )
    .option(
      '--resize <name>',
      'resizing for Inception: bicubic as in clean-fid, or bilinear as in pytorch-fid',
      choiceOption('resize', resizes),
      'bicubic',
    );
}
