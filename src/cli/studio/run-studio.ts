import { totalmem } from 'node:os';
import type { Hono } from 'hono';
import { kindOf } from '../../files/durable-files.ts';
import { quoteWord } from '../../formats/quote.ts';
import { webEngineFolder } from '../../runtime/web-engine-files.ts';
import { openServing, serverApp, serverLimits, type Serving, startServer, studioApp } from '../../server/index.ts';
import { checkKey } from '../check-key.ts';
import type { DeviceOptions } from '../device-options.ts';
import { aborted, interruptSignal } from '../interrupt.ts';
import { UsageError } from '../options.ts';
import { builtSite } from '../static-site.ts';
import { studioModels } from './studio-models.ts';
import { writeStudio } from './write-studio.ts';

/** The options of `kuosan studio`. */
export interface StudioOptions extends DeviceOptions {
  readonly static?: string;
  readonly force: boolean;
  readonly model?: readonly string[];
  /** Default `runs`. */
  readonly runs?: string;
  readonly host: string;
  readonly port: number;
  readonly apiKey?: string;
  /** MB */
  readonly browserLimit: number;
}

/** Writes the studio as files, or serves it until a signal comes. */
export async function runStudio(options: StudioOptions): Promise<void> {
  const { static: folder, force, model = [], host, port, apiKey, browserLimit, runs = 'runs' } = options;
  const models = await studioModels(model, browserLimit * 1e6);
  if (folder !== undefined) {
    const { bytes, left } = await writeStudio(folder, models, force);
    for (const { name, bytes: weights } of left)
      process.stderr.write(
        `note: ${name} has weights of ${(weights / 1e6).toFixed(0)} MB, more than a browser computes with (--browser-limit ${browserLimit}); its pages name the command that serves it\n`,
      );
    const names = models.filter((each) => !left.includes(each)).map(({ name }) => name);
    process.stdout.write(
      `${folder}: the studio, ${(bytes / 1e6).toFixed(1)} MB with ${names.join(', ')}; try it with npx serve ${quoteWord(folder)}\n`,
    );
    return;
  }
  checkKey(options);
  // A folder that is not there yet may come: its page says so. A file will never be one.
  const runsKind = await kindOf(runs);
  if (runsKind === 'file') throw new UsageError(`--runs ${runs}: is a file; give a folder of runs`);
  if (runsKind === 'nothing' && options.runs !== undefined)
    process.stderr.write(`note: --runs ${runs}: is not there yet; its runs are shown as soon as they come\n`);
  let serving: Serving | undefined;
  let opened: Promise<Hono> | undefined;
  const open = async () => {
    serving = await openServing({
      models: models.map(({ name, path }) => ({ name, source: path })),
      device: options.device,
      threads: options.threads,
      batchSize: 1,
      memoryBytes: totalmem() / 2,
    });
    return serverApp(serving, { apiKey, keyFromBrowsers: true, localOnly: apiKey === undefined });
  };
  // Pages compute in the browser: models are opened here when the first request asks for it. What fails is tried anew.
  const api = () =>
    (opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    }));
  const app = studioApp({
    pages: builtSite('web-studio'),
    engine: webEngineFolder(),
    models,
    runs,
    apiKey,
    localOnly: apiKey === undefined,
    api,
    isOpen: () => serving !== undefined,
  });
  const { signal, release } = interruptSignal(() => {});
  try {
    const server = await startServer(app, { host, port, command: 'studio' }, serverLimits);
    process.stdout.write(`The studio is at ${server.url}/ (Ctrl+C ends it)\n`);
    if (models.some(({ computes }) => computes === 'server'))
      api().catch((error: unknown) => process.stderr.write(`note: ${(error as Error).message}\n`));
    await aborted(signal);
    const closed = server.close();
    // Whoever looks at a page is not waited for.
    server.cut();
    await opened?.catch(() => {});
    await serving?.close();
    await closed;
  } finally {
    release();
  }
}
