/** `kuosan demo dalle-2`: a text becomes an embedding, the embedding an image, step by step in the terminal. */
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { folderFiles, resolveModel } from '../../checkpoint/index.ts';
import { toBitmaps, writePng, type Bitmap } from '../../data/index.ts';
import { makeFolder } from '../../files/durable-files.ts';
import { quoteWord } from '../../formats/quote.ts';
import { openGenerator, unclipStages, type ImageGenerator } from '../../generators/index.ts';
import type { DeviceOptions } from '../device-options.ts';
import { inTerminal } from '../in-terminal.ts';
import { openExecutor } from '../open-executor.ts';
import { UsageError } from '../options.ts';

/** The options of `kuosan demo dalle-2`. */
export interface DalleDemoOptions extends DeviceOptions {
  readonly out: string;
  readonly prompt?: string;
  readonly model: string;
  readonly seed: number;
}

/** Embeddings that the prior is asked for: enough to see that they differ. */
const candidates = 4;
/** States on the way that are shown of each stage. */
const shown = 5;

export async function runDalleDemo({ out, prompt, model, seed, ...device }: DalleDemoOptions): Promise<void> {
  const dir = await resolveModel(model);
  const text = (prompt ?? (await asked())).trim();
  if (text === '') throw new UsageError('--prompt: is empty; say what the image should show');
  const executor = await openExecutor(device);
  const print = (line: string) => process.stdout.write(`${line}\n`);
  let generator: ImageGenerator | undefined;
  try {
    const start = performance.now();
    generator = await openGenerator(executor, folderFiles(dir), { batchSize: 1 });
    if (!generator.clip)
      throw new UsageError(
        `--model: ${model} is no DALL·E 2; put one together with kuosan assemble runs/prior runs/decoder`,
      );
    print(`"${text}"`);
    const states: Bitmap[] = [];
    let stage = '';
    let image: Bitmap | undefined;
    const show = () => {
      if (states.length > 0) for (const line of inTerminal(states.splice(0))) print(line);
    };
    for await (const { stage: now, step, steps, xt, similarities, finished } of generator.generate({
      seed,
      prompts: [text],
      candidates,
    })) {
      if (now !== stage) {
        show();
        stage = now;
        print(titleOf(stage));
      }
      if (similarities) print(candidatesLine(similarities.data));
      if (xt && (step + 1 === steps || step % Math.max(1, Math.floor(steps / (shown - 1))) === 0))
        states.push(toBitmaps(xt)[0]!);
      if (finished) image = toBitmaps(finished)[0]!;
    }
    show();
    await makeFolder(out);
    const path = join(out, 'dalle-2.png');
    await writePng(path, image!);
    print(`${path}: ${image!.width}×${image!.height} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
    print('');
    print('What to try next:');
    print(
      `  npx kuosan variations ${quoteWord(model)} --image ${quoteWord(path)}   other images with the same embedding`,
    );
    print(`  npx kuosan sample ${quoteWord(model)} --prompt ${quoteWord(text)} --rerank 4   the best of four by CLIP`);
  } finally {
    await generator?.dispose();
    await executor.dispose();
  }
}

function titleOf(stage: string): string {
  if (stage === unclipStages.prior) return `prior: ${candidates} image embeddings for the text`;
  return stage === unclipStages.decoder || stage === 'base'
    ? 'decoder: from noise to an image with the nearest of them'
    : `${stage}: enlarged`;
}

function candidatesLine(similarities: ArrayLike<number>): string {
  const values = Array.from(similarities);
  const best = values.indexOf(Math.max(...values));
  return `  cosine to the text: ${values.map((value, i) => `${value.toFixed(3)}${i === best ? ' (kept)' : ''}`).join('  ')}`;
}

/** @throws UsageError where nobody can answer */
async function asked(): Promise<string> {
  if (!process.stdin.isTTY)
    throw new UsageError('--prompt: say what the image should show, such as --prompt "red heart"');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question('What should the image show? ');
  } finally {
    lines.close();
  }
}
