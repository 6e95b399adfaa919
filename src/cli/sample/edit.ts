import type { Command } from 'commander';
import { examples } from '../examples.ts';
import type { EditOptions } from './edit-options.ts';
import { integerOption, numberOption } from '../options.ts';
import { addPromptOptions } from '../prompt-options.ts';
import { addSamplerOptions, addSourceOptions } from '../sampling-options.ts';

export function register(program: Command): void {
  const command = program
    .command('edit')
    .description(
      'edit an image: vary all of it, or inpaint the part under a mask; or enlarge it with a super-resolution model',
    )
    .addHelpText(
      'after',
      examples(
        'kuosan edit noto-32 --image face.png --strength 0.5 --count 4 --out variations.png',
        'kuosan edit noto-32 --image face.png --mask eyes.png --out inpainted.png',
        'kuosan edit runs/icons --image folder.png --prompt "folder with a lock" --strength 0.8',
        'kuosan edit models/dalle-2 --image cat.png --from "a cat" --to "a cat with sunglasses" --count 5',
        'kuosan edit models/dalle-2 --image cat.png --prompt "a cat in the snow" --canvas 1.5',
      ),
    )
    .requiredOption('--image <in.png>', "the image; resized to the model's size by the shorter side and center-cropped")
    .option('--mask <m.png>', 'white where the image is inpainted; in the size of the image (RePaint)')
    .option(
      '--canvas <factor>',
      'outpaint: the image in the middle of a canvas so many times as high and wide, the rest of which is inpainted',
      numberOption('--canvas', 1, 8),
    )
    .option('--from <text>', 'what the image shows, for a DALL·E 2; with --to, what it should show')
    .option('--to <text>', "turn the image's embedding by the difference of the two texts; --count 5 shows the way")
    .option(
      '--strength <x>',
      'without a mask, the noise added (SDEdit): 0 keeps the image, 1 replaces it; default 0.6. With --to, how far its embedding turns; default 0.4',
      numberOption('--strength', 0, 1),
    )
    .option(
      '--jump-length <j>',
      'with a mask: jump length of RePaint; default 10',
      integerOption('--jump-length', 1, 10_000),
    )
    .option(
      '--resamples <r>',
      'with a mask: resamplings of RePaint, 1 for none; default 10',
      integerOption('--resamples', 1, 10_000),
    )
    .option('--count <n>', 'variations to generate', integerOption('--count', 1, 100_000), 1)
    .option('--out <out.png>', 'the image to write; a grid if there are several', 'edited.png')
    .option('--images <dir>', 'also write every image on its own')
    .option('--gif <edit.gif>', 'also write the reverse process as an animation')
    .option('--seed <n>', 'seed of the noise', integerOption('--seed', 0), 0);
  addPromptOptions(command, 'what the image should show, for a model that takes text');
  // Few images in many steps: a batch that is mostly empty would take most of the time.
  addSourceOptions(addSamplerOptions(command), 4).action(async (source: string | undefined, options: EditOptions) => {
    const { runEdit } = await import('./run-edit.ts');
    await runEdit(source, options);
  });
}
