import { existsSync } from 'node:fs';
import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { storedWeights, type LoadedModel, type ModelCard } from '../../checkpoint/index.ts';
import { checkWritable, writeFileWhole } from '../../data/index.ts';
import { replaceWhole } from '../../files/durable-files.ts';
import { folderSize } from '../../files/folder-size.ts';
import { floatsToHalf, halfToFloats, writeSafetensors } from '../../formats/index.ts';
import { countParameters } from '../../nn/index.ts';
import { classLabelsName, networkProcess, type SamplerName } from '../../diffusion/index.ts';
import { samplingStage } from '../../generators/index.ts';
import { engineFolder, modelFile, modelFolder, type PageModel } from '../../page/page-model.ts';
import { denoisingNetwork, imageShapeOf } from '../../pipelines/index.ts';
import { webEngineFiles, webEngineFolder } from '../../runtime/web-engine-files.ts';
import { builtSite, checkBuilt, copyWebEngine, hostFiles } from '../static-site.ts';

/** What a page is made from. */
export interface PageSource {
  readonly model: LoadedModel;
  readonly card: ModelCard;
  readonly name: string;
  /** What the page begins with; default the model's own. */
  readonly sampler?: SamplerName;
  /** How the weights are stored; default float16 if they all are numbers of that type, so that nothing is lost, else float32. */
  readonly dtype?: 'float32' | 'float16';
  /** Where the page was built; default the package's own. */
  readonly builtPage?: string;
}

const weightsFile = 'weights.safetensors';

/**
 * Checks that a page can be written to a folder: it is not there, is empty, or, if it may be replaced, holds an earlier page.
 *
 * @throws one line otherwise
 */
export async function checkPageFolder(folder: string, force: boolean): Promise<void> {
  await checkWritable(join(folder, 'index.html'));
  const entries = existsSync(folder) ? await readdir(folder) : [];
  if (entries.length === 0) return;
  const isPage = existsSync(join(folder, modelFolder, modelFile)) && existsSync(join(folder, 'index.html'));
  if (!isPage) throw new Error(`${folder}: holds other files (${JSON.stringify(entries[0])}); give another folder`);
  if (!force) throw new Error(`${folder}: holds a page already; replace it with --force, or give another folder`);
}

/** A page that was written. */
export interface WrittenPage {
  readonly dtype: 'float32' | 'float16';
  /** Of the whole folder. */
  readonly bytes: number;
  /** What a browser loads that computes on the CPU, and one that computes on the GPU. */
  readonly visitorBytes: number;
  readonly gpuVisitorBytes: number;
}

/**
 * Writes a page that samples the model in a browser: static files for any host. The folder appears whole, or not at all.
 *
 * @returns how the weights are stored, the bytes of all its files, and of those that a visitor's browser loads
 */
export async function writePage(
  folder: string,
  { model, card, name, sampler, builtPage = builtSite('web-page'), ...options }: PageSource,
): Promise<WrittenPage> {
  checkBuilt(builtPage);
  const imageShape = imageShapeOf(denoisingNetwork(model.network, networkProcess(model.scheduler).varianceType).sample);
  if (imageShape[0] !== 1 && imageShape[0] !== 3)
    throw new Error(
      `${model.path}: generates images of ${imageShape[0]} channels, a page shows 1 or 3; export the network with --out instead`,
    );
  if (model.network.sample[0] !== imageShape[0])
    throw new Error(
      `${model.path}: this model is conditioned on an image, and a page has none; use kuosan edit --image, or export with --out`,
    );
  webEngineFolder();
  const dtype = options.dtype ?? (fitsHalf(model) ? 'float16' : 'float32');
  const own = model.sampling?.[samplingStage];
  // The steps and the noise that a folder says belong to its own sampler.
  const sampling = sampler === undefined ? own : { sampler, guidanceScale: own?.guidanceScale };
  const full = resolve(folder);
  await mkdir(dirname(full), { recursive: true });
  // The earlier page goes only when the new one is whole.
  await replaceWhole(full, async (aside) => {
    await mkdir(aside);
    await cp(builtPage, aside, { recursive: true });
    const page = join(aside, 'index.html');
    await writeFile(page, titled(await readFile(page, 'utf8'), name, card.summary));
    for (const [file, text] of Object.entries(hostFiles)) await writeFile(join(aside, file), text);
    await copyWebEngine(join(aside, engineFolder));
    const weights = writeSafetensors(
      storedWeights(model.network.module, model.weights, dtype === 'float16' ? 'f16' : 'f32', model.path),
    );
    await writeFileWhole(join(aside, modelFolder, weightsFile), weights);
    const description: PageModel = {
      format: 1,
      name,
      ...(card.summary !== undefined && { summary: card.summary }),
      ...(card.license !== undefined && { license: card.license }),
      classes: classesOf(model),
      parameters: countParameters(model.network.module),
      imageShape,
      network: { className: model.network.className, config: model.network.config },
      scheduler: model.scheduler,
      ...(sampling && { sampling }),
      weights: { file: weightsFile, bytes: weights.length, dtype },
    };
    await writeFileWhole(
      join(aside, modelFolder, modelFile),
      new TextEncoder().encode(`${JSON.stringify(description, null, 2)}\n`),
    );
  });
  const { bytes } = await folderSize(full);
  const engineBytes = async (kind: keyof typeof webEngineFiles) => {
    let total = 0;
    for (const file of webEngineFiles[kind]) total += (await stat(join(full, engineFolder, file))).size;
    return total;
  };
  const [cpu, gpu] = [await engineBytes('cpu'), await engineBytes('gpu')];
  return { dtype, bytes, visitorBytes: bytes - gpu, gpuVisitorBytes: bytes - cpu };
}

function classesOf({ network, classes }: LoadedModel): PageModel['classes'] {
  const count = network.conditions.find(({ name }) => name === classLabelsName)?.count;
  return (
    classes ??
    (count === undefined ? null : { names: Array.from({ length: count }, (_, i) => String(i)), nullClass: null })
  );
}

/** True if every weight is a float16 number: rounding to it changes images by more than another machine would. */
function fitsHalf({ weights }: LoadedModel): boolean {
  return [...weights.values()].every(({ data }) => {
    const widened = halfToFloats(floatsToHalf(data as Float32Array));
    return widened.every((value, i) => value === data[i]);
  });
}

/** For those who see only the page's text: search engines, and previews of links. */
function titled(html: string, name: string, summary: string | undefined): string {
  const escape = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
  const description = summary === undefined ? '' : `\n  <meta name="description" content="${escape(summary)}">`;
  return html.replace('<title>Kuosan</title>', () => `<title>${escape(name)}</title>${description}`);
}
