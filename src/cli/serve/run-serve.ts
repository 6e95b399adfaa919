import { totalmem } from 'node:os';
import { packagePretrainedDir, pretrainedNames } from '../../checkpoint/index.ts';
import { isLoopback, openServing, serverApp, serverMetrics, startServer } from '../../server/index.ts';
import type { DeviceOptions } from '../device-options.ts';
import { checkKey } from '../check-key.ts';
import { aborted, interruptSignal } from '../interrupt.ts';
import { UsageError } from '../options.ts';

/** The options of `kuosan serve`. */
export interface ServeOptions extends DeviceOptions {
  readonly port: number;
  readonly host: string;
  readonly apiKey?: string;
  readonly cors?: readonly string[];
  readonly publicUrl?: string;
  readonly batchSize: number;
  readonly queue: number;
  /** MiB */
  readonly memory?: number;
  readonly timeout: number;
  readonly variant?: string;
}

/** Serves until a signal comes, and then until what was asked is done. */
export async function runServe(models: readonly string[], options: ServeOptions): Promise<void> {
  const { port, host, apiKey, cors, batchSize, queue, memory, timeout, variant, device, threads, spin } = options;
  const publicUrl = publicUrlOf(options);
  checkKey(options);
  checkOrigins(options);
  const named = models.length > 0 ? models : await bundledModels();
  const metrics = serverMetrics();
  const serving = await openServing({
    watch: metrics,
    models: named.map(modelSource),
    device,
    threads,
    spin,
    batchSize,
    memoryBytes: memory === undefined ? totalmem() / 2 : memory * 2 ** 20,
    variant,
    limits: { queue, requestSeconds: timeout },
  });
  metrics.observe(serving);
  try {
    const localOnly = apiKey === undefined && isLoopback(host);
    const app = serverApp(serving, { apiKey, corsOrigins: cors, publicUrl, localOnly, metrics });
    const { signal, release } = interruptSignal(() =>
      process.stderr.write('stopping: what was asked is done, and nothing new is taken\n'),
    );
    try {
      const server = await startServer(app, { host, port }, serving.limits);
      for (const { name, kind, device: where } of serving.models.values())
        process.stdout.write(
          `${name}: ${kind === 'clip' ? 'classifies and embeds' : 'generates images'}, on ${where}\n`,
        );
      process.stdout.write(`serving at ${server.url}/v1; Ctrl-C stops\n`);
      await aborted(signal);
      const closed = server.close();
      await serving.close();
      await closed;
    } finally {
      release();
    }
  } finally {
    await serving.close();
  }
}

/** @throws UsageError if an origin is none */
function checkOrigins({ cors = [] }: ServeOptions): void {
  for (const origin of cors) {
    if (origin !== '*' && !/^https?:\/\/[^/]+$/.test(origin))
      throw new UsageError(
        `--cors: expected an origin such as https://example.org, or *, got ${JSON.stringify(origin)}`,
      );
  }
}

function publicUrlOf({ publicUrl }: ServeOptions): string | undefined {
  if (publicUrl !== undefined && !/^https?:\/\/./.test(publicUrl))
    throw new UsageError(
      `--public-url: expected an address such as https://images.example.org, got ${JSON.stringify(publicUrl)}`,
    );
  return publicUrl?.replace(/\/+$/, '');
}

async function bundledModels(): Promise<string[]> {
  const folder = packagePretrainedDir();
  return [...(await pretrainedNames(folder, 'model')), ...(await pretrainedNames(folder, 'clip'))];
}

/** `name=model`, or a model alone: a folder is called by its own name. */
function modelSource(text: string): { readonly name: string; readonly source: string } {
  const [, given, source = text] = /^([\w.:-]+)=(.+)$/s.exec(text) ?? [];
  const name =
    given ??
    source
      .replace(/[/\\]+$/, '')
      .split(/[/\\]/)
      .at(-1)!;
  return { name, source };
}
