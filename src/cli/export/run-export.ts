import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { loadModel, readModelCard, resolveModel } from '../../checkpoint/index.ts';
import { checkExtension, checkWritable, writeFileWhole } from '../../data/index.ts';
import type { SamplerName } from '../../diffusion/index.ts';
import { quoteWord } from '../../formats/quote.ts';
import { countParameters } from '../../nn/index.ts';
import { exportOnnx } from '../../pipelines/index.ts';
import { webEngineFolder } from '../../runtime/web-engine-files.ts';
import { UsageError } from '../options.ts';
import { checkTextEncoderFolder, exportTextEncoder } from './export-text-encoder.ts';
import { networkContent, textToImageContent } from './page-content.ts';
import { checkPageFolder, writePage } from './write-page.ts';

/** The options of `kuosan export`. */
export interface ExportCommandOptions {
  readonly out?: string;
  readonly web?: string;
  readonly batch: number | 'symbolic';
  readonly textEncoder?: string;
  readonly dtype?: 'float32' | 'float16' | 'int8';
  readonly force: boolean;
  readonly title?: string;
  readonly description?: string;
  readonly sampler?: SamplerName;
  readonly prompt?: string;
  readonly variant?: string;
}

export async function runExport(
  source: string,
  {
    out,
    web,
    textEncoder,
    batch,
    dtype: type,
    force,
    variant,
    title,
    description,
    sampler,
    prompt,
  }: ExportCommandOptions,
): Promise<void> {
  if (textEncoder !== undefined) {
    if (out !== undefined || web !== undefined)
      throw new UsageError('--text-encoder: writes an encoder alone; export the model in a command of its own');
    await runTextEncoder(source, textEncoder, type ?? 'int8', { force, variant });
    return;
  }
  if (type === 'int8')
    throw new UsageError('--dtype int8: only a text encoder is stored so; give --text-encoder <dir>');
  const dtype = type;
  if (out === undefined && web === undefined)
    throw new UsageError(
      '--out, --web or --text-encoder is missing: the ONNX file, the folder of a page or of an encoder to write',
    );
  const ofPage = { '--title': title, '--description': description, '--sampler': sampler, '--prompt': prompt };
  const idle = Object.entries(ofPage).find(([, value]) => value !== undefined);
  if (web === undefined && idle) throw new UsageError(`${idle[0]}: only a page has one; give --web <dir>`);
  if (prompt?.trim() === '')
    throw new UsageError('--prompt: is empty; say what the page should show first, or leave it out');
  if (out !== undefined) {
    checkExtension(out, '.onnx');
    if (!force && existsSync(out))
      throw new Error(
        `cannot write ${JSON.stringify(out)}: exists already; replace it with --force, or give another path`,
      );
    await checkWritable(out);
  }
  if (web !== undefined) {
    await checkPageFolder(web, force);
    webEngineFolder();
  }

  const dir = await resolveModel(source);
  // A model of text to image is no single network; a page takes it all the same.
  const ofText = out === undefined ? await textToImageContent(dir, { sampler, dtype }) : undefined;
  if (prompt !== undefined && !ofText) throw new UsageError('--prompt: this model takes no text; leave it out');
  const model = ofText ? undefined : await loadModel(source, { variant });
  for (const note of model?.notes ?? []) process.stderr.write(`note: ${note}\n`);
  const card = await readModelCard(dir);
  const name = card.title ?? basename(resolve(source));
  if (out !== undefined) {
    const stored = dtype ?? 'float32';
    const metadata = {
      model: name,
      ...(card.license !== undefined && { license: card.license }),
      made_by: `kuosan ${version()}`,
    };
    const bytes = exportOnnx(model!, { batch, dtype: stored === 'float16' ? 'f16' : 'f32', metadata });
    await writeFileWhole(out, bytes);
    process.stdout.write(
      `${out}: ${parametersText(countParameters(model!.network.module))} in ${stored}, ${batch === 'symbolic' ? 'any batch size' : `batches of ${batch}`}, ${megabytes(bytes.length)}\n`,
    );
  }
  if (web !== undefined) {
    const content = ofText ?? networkContent(model!, { sampler, dtype });
    const written = await writePage(web, {
      content,
      card: description === undefined ? card : { ...card, summary: description },
      name: title ?? name,
      prompt,
    });
    process.stdout.write(
      `${web}: a page with ${parametersText(content.parameters)} in ${content.dtype}; a visitor loads ${megabytes(written.visitorBytes)} (with a GPU ${megabytes(written.gpuVisitorBytes)}), the folder has ${megabytes(written.bytes)}; try it with npx serve ${quoteWord(web)}\n`,
    );
  }
}

function parametersText(count: number): string {
  return `${count.toLocaleString('en-US')} parameters`;
}

async function runTextEncoder(
  source: string,
  out: string,
  dtype: 'float32' | 'float16' | 'int8',
  { force, variant }: { readonly force: boolean; readonly variant?: string | undefined },
): Promise<void> {
  await checkTextEncoderFolder(out, force);
  const { className, parameters, bytes, leastCosine, captions } = await exportTextEncoder(source, out, {
    dtype,
    variant,
  });
  process.stdout.write(
    `${out}: ${className}, ${parameters.toLocaleString('en-US')} parameters in ${dtype}, ${megabytes(bytes)}; on ${captions} captions the cosine to the original is at least ${leastCosine.toFixed(4)}\n`,
  );
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
