import { existsSync, readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { loadModel, readModelCard } from '../checkpoint/index.ts';
import { checkExtension, checkWritable, writeFileWhole } from '../data/index.ts';
import { countParameters } from '../nn/index.ts';
import { exportOnnx } from '../pipelines/index.ts';
import { UsageError } from './options.ts';

/** The options of `kuosan export`. */
export interface ExportCommandOptions {
  readonly out?: string;
  readonly batch: number | 'symbolic';
  readonly dtype: 'float32' | 'float16';
  readonly force: boolean;
  readonly variant?: string;
}

export async function writeExport(source: string, { out, batch, dtype, force, variant }: ExportCommandOptions): Promise<void> {
  if (out === undefined) throw new UsageError('--out is missing: the ONNX file to write');
  checkExtension(out, '.onnx');
  if (!force && existsSync(out)) throw new Error(`cannot write ${JSON.stringify(out)}: it is there already; replace it with --force, or give another path`);
  await checkWritable(out);

  const model = await loadModel(source, { variant });
  for (const note of model.notes) process.stderr.write(`note: ${note}\n`);
  const { title = basename(resolve(source)), license } = await readModelCard(model.path);
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string };
  const metadata = { model: title, ...(license !== undefined && { license }), made_by: `kuosan ${version}` };
  const bytes = exportOnnx(model, { batch, dtype: dtype === 'float16' ? 'f16' : 'f32', metadata });
  await writeFileWhole(out, bytes);
  const parameters = countParameters(model.unet).toLocaleString('en-US');
  process.stdout.write(`${out}: ${parameters} parameters in ${dtype}, ${batch === 'symbolic' ? 'any batch size' : `batches of ${batch}`}, ${(bytes.length / 1e6).toFixed(1)} MB\n`);
}
