import type { Command } from 'commander';
import { samplers, type SamplerName } from '../../diffusion/samplers.ts';
import { examples } from '../examples.ts';
import { choiceOption, integerOption } from '../options.ts';
import { modelArgument } from '../sampling-options.ts';
import type { ExportCommandOptions } from './run-export.ts';

const samplerNames = Object.keys(samplers) as SamplerName[];
const batchSize = integerOption('--batch', 1, 100_000);

export function register(program: Command): void {
  program
    .command('export')
    .description('export a trained model as an ONNX file or a web page, or a text encoder in a quarter of its size')
    .addHelpText(
      'after',
      examples(
        'kuosan export noto-32 --web site',
        'kuosan export runs/mine --out model.onnx',
        'kuosan export all-MiniLM-L6-v2 --text-encoder minilm-int8',
      ),
    )
    .argument('<run | model dir | name>', modelArgument)
    .option('--out <model.onnx>', 'the network as standard ONNX: sample, timestep (and class_labels) to out_sample')
    .option('--web <dir>', "a static web page that samples the model in the visitor's browser")
    .option(
      '--text-encoder <dir>',
      'the text encoder of a folder of Hugging Face (or of a model) in a folder of its own, its weights in int8',
    )
    .option('--title <text>', "the page's heading; default the model's name")
    .option('--description <text>', "what the page says under it; default the model card's first sentence")
    .option(
      '--sampler <name>',
      "the sampler that the page begins with; default the model's own",
      choiceOption('sampler', samplerNames),
    )
    .option('--prompt <text>', 'what the page of a model of text to image shows first; default it waits for a prompt')
    .option(
      '--batch <n | symbolic>',
      'batch size of the ONNX model; symbolic for any',
      (text) => (text === 'symbolic' ? text : batchSize(text)),
      'symbolic' as const,
    )
    .option(
      '--dtype <type>',
      'dtype of the stored weights: float32 or float16 (half the size); default float32, for a page that of the weights, for a text encoder int8',
      choiceOption('dtype', ['float32', 'float16', 'int8']),
    )
    .option('--variant <name>', 'variant of the weights files, such as fp16')
    .option('--force', 'replace an earlier export', false)
    .action(async (source: string, options: ExportCommandOptions) => {
      const { runExport } = await import('./run-export.ts');
      await runExport(source, options);
    });
}
