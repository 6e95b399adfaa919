import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { loadModel, readModelCard } from '../../checkpoint/index.ts';
import { checkExtension, checkWritable, writeFileWhole } from '../../data/index.ts';
import type { SamplerName } from '../../diffusion/index.ts';
import { quoteWord } from '../../formats/quote.ts';
import { countParameters } from '../../nn/index.ts';
import { exportOnnx } from '../../pipelines/index.ts';
import { webEngineFolder } from '../../runtime/web-engine-files.ts';
import { UsageError } from '../options.ts';
import { checkPageFolder, writePage } from './write-page.ts';

/** The options of `kuosan export`. */
export interface ExportCommandOptions {
  readonly out?: string;
  readonly web?: string;
  readonly batch: number | 'symbolic';
  readonly dtype?: 'float32' | 'float16';
  readonly force: boolean;
  readonly title?: string;
  readonly description?: string;
  readonly sampler?: SamplerName;
  readonly variant?: string;
}

export async function runExport(
  source: string,
  { out, web, batch, dtype, force, variant, title, description, sampler }: ExportCommandOptions,
): Promise<void> {
  if (out === undefined && web === undefined)
    throw new UsageError('--out or --web is missing: the ONNX file or the folder of a page to write');
  const ofPage = { '--title': title, '--description': description, '--sampler': sampler };
  const idle = Object.entries(ofPage).find(([, value]) => value !== undefined);
  if (web === undefined && idle) throw new UsageError(`${idle[0]}: only a page has one; give --web <dir>`);
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

  const model = await loadModel(source, { variant });
  for (const note of model.notes) process.stderr.write(`note: ${note}\n`);
  const card = await readModelCard(model.path);
  const name = card.title ?? basename(resolve(source));
  const parameters = `${countParameters(model.network.module).toLocaleString('en-US')} parameters`;
  if (out !== undefined) {
    const type = dtype ?? 'float32';
    const metadata = {
      model: name,
      ...(card.license !== undefined && { license: card.license }),
      made_by: `kuosan ${version()}`,
    };
    const bytes = exportOnnx(model, { batch, dtype: type === 'float16' ? 'f16' : 'f32', metadata });
    await writeFileWhole(out, bytes);
    process.stdout.write(
      `${out}: ${parameters} in ${type}, ${batch === 'symbolic' ? 'any batch size' : `batches of ${batch}`}, ${megabytes(bytes.length)}\n`,
    );
  }
  if (web !== undefined) {
    const written = await writePage(web, {
      model,
      card: description === undefined ? card : { ...card, summary: description },
      name: title ?? name,
      ...(sampler && { sampler }),
      ...(dtype && { dtype }),
    });
    process.stdout.write(
      `${web}: a page with ${parameters} in ${written.dtype}; a visitor loads ${megabytes(written.visitorBytes)} (with a GPU ${megabytes(written.gpuVisitorBytes)}), the folder has ${megabytes(written.bytes)}; try it with npx serve ${quoteWord(web)}\n`,
    );
  }
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string })
    .version;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
