/** What a server's routes share: the models, the queue before them, what is kept. */
import { resolveModel } from '../checkpoint/index.ts';
import { nearest } from '../core/suggest.ts';
import { ApiError, badRequest } from './api-error.ts';
import { KeptImages } from './kept-images.ts';
import { serverLimits, type ServerLimits } from './limits.ts';
import type { ServedClip, ServedGenerator, ServedModel, WorkerOptions } from './compute/messages.ts';
import { BatchScheduler, type BatchWatch } from './compute/batch-scheduler.ts';
import { WorkerProcess } from './compute/worker-process.ts';

/** Options of `openServing`. */
export interface ServingOptions extends WorkerOptions {
  readonly limits?: Partial<ServerLimits> | undefined;
  /** Whether images of several requests share a batch; default true. */
  readonly batching?: boolean | undefined;
  /** Told about every batch. */
  readonly watch?: BatchWatch | undefined;
}

/** Models that are served. */
export interface Serving {
  /** By name, in the order of the command line. */
  readonly models: ReadonlyMap<string, ServedModel>;
  readonly limits: ServerLimits;
  readonly worker: WorkerProcess;
  readonly scheduler: BatchScheduler;
  readonly images: KeptImages;
  /** Takes nothing more, waits for what was taken, as long as the limits say, and ends the worker. */
  close(): Promise<void>;
}

/**
 * Opens models behind a worker: each is opened once, so that what is wrong with one is said now.
 *
 * @throws one line if there are none, two have one name, or one cannot be opened
 */
export async function openServing({ limits: given, batching, watch, ...options }: ServingOptions): Promise<Serving> {
  const limits = { ...serverLimits, ...given };
  const names = options.models.map(({ name }) => name);
  if (names.length === 0) throw new Error('serve: there are no models');
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`serve: two models are called ${twice}; name one of them with name=model`);
  // What is not there is said before a process starts.
  const resolved = [];
  for (const { name, source } of options.models)
    resolved.push({ name, source: await resolveModel(source, { kind: ['model', 'clip'] }) });
  const worker = new WorkerProcess({ ...options, models: resolved });
  try {
    const models = new Map<string, ServedModel>();
    for (const name of names) models.set(name, await worker.ask<ServedModel>({ type: 'describe', model: name }));
    const { queue, requestSeconds } = limits;
    const scheduler = new BatchScheduler({ worker, models, queue, requestSeconds, batching, watch });
    return {
      models,
      limits,
      worker,
      scheduler,
      images: new KeptImages(limits),
      async close() {
        await scheduler.drain(limits.drainSeconds);
        await worker.close();
      },
    };
  } catch (error) {
    await worker.close();
    throw error;
  }
}

/**
 * The model of a request that generates images; the first where nobody says.
 *
 * @throws ApiError 404 if there is none of that name, 400 if it is a CLIP
 */
export function imageModel(serving: Serving, name: string | null | undefined): ServedGenerator {
  const facts = namedModel(serving, name, 'images');
  if (facts.kind === 'images') return facts;
  throw badRequest(`model: ${facts.name} is a CLIP, which generates nothing; ask it at /api/clip`, 'model');
}

/**
 * The CLIP of a request; the first where nobody says.
 *
 * @throws ApiError 404 if there is none of that name, 400 if it is no CLIP
 */
export function clipModel(serving: Serving, name: string | null | undefined): ServedClip {
  const facts = namedModel(serving, name, 'clip');
  if (facts.kind === 'clip') return facts;
  throw badRequest(`model: ${facts.name} generates images and is no CLIP; ask it at /v1/images/generations`, 'model');
}

function namedModel({ models }: Serving, name: string | null | undefined, kind: ServedModel['kind']): ServedModel {
  const all = [...models.values()];
  const found = name ? models.get(name) : all.find((facts) => facts.kind === kind);
  if (found) return found;
  if (!name)
    throw new ApiError(404, `model: this server has no ${kind === 'clip' ? 'CLIP' : 'model that generates images'}`, {
      param: 'model',
      code: 'model_not_found',
    });
  const close = nearest(name, models.keys());
  throw new ApiError(
    404,
    `model: there is no model ${JSON.stringify(name.slice(0, 100))} here; ${close ? `did you mean ${close}?` : `one of ${[...models.keys()].join(', ')}`}`,
    { param: 'model', code: 'model_not_found' },
  );
}
