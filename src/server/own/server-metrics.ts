/** What a server counts, as Prometheus reads it. */
import type { MiddlewareHandler } from 'hono';
import { routePath } from 'hono/route';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BatchWatch } from '../compute/batch-scheduler.ts';
import type { Serving } from '../serving.ts';

/** The counts of one server. */
export interface ServerMetrics extends BatchWatch {
  /** Counts requests by their route, never by what a client has written into the path. */
  readonly middleware: MiddlewareHandler;
  /** Looks at the queue and the worker whenever it is asked for the counts. */
  observe(serving: Serving): void;
  text(): Promise<string>;
  readonly contentType: string;
}

/** Seconds: of requests that ask, and of images that are computed. */
const seconds = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];

/** Begins to count. */
export function serverMetrics(): ServerMetrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'kuosan_request_seconds',
    help: 'Requests, by route, method and status.',
    labelNames: ['route', 'method', 'status'],
    buckets: seconds,
    registers,
  });
  const images = new Counter({
    name: 'kuosan_images_total',
    help: 'Images generated, by model.',
    labelNames: ['model'],
    registers,
  });
  const batches = new Histogram({
    name: 'kuosan_batch_images',
    help: 'Images that were computed together.',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  });
  const durations = new Histogram({
    name: 'kuosan_batch_seconds',
    help: 'Seconds that a batch took.',
    labelNames: ['model'],
    buckets: seconds,
    registers,
  });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  return {
    async middleware(c, next) {
      const start = performance.now();
      await next();
      // The last handler that matched is the route; without one it is a path of the client's making.
      const route = c.res.status === 404 && routePath(c, -1).endsWith('*') ? 'none' : routePath(c, -1);
      requests.observe({ route, method: c.req.method, status: c.res.status }, (performance.now() - start) / 1000);
    },
    batch(model, count, took) {
      images.inc({ model }, count);
      batches.observe({ model }, count);
      durations.observe({ model }, took);
    },
    observe({ scheduler, worker, images: kept }) {
      gauge('kuosan_queue_images', 'Images and calls that wait.', () => scheduler.waiting);
      gauge('kuosan_running_images', 'Images and calls that are computed.', () => scheduler.running);
      gauge('kuosan_open_models', 'Models in memory.', () => worker.state.open.length);
      gauge('kuosan_worker_resident_bytes', 'Memory of the process that computes.', () => worker.state.residentBytes);
      gauge('kuosan_worker_losses', 'Processes that computed and have ended by themselves.', () => worker.losses);
      gauge('kuosan_kept_image_bytes', 'Images kept for their addresses.', () => kept.bytes);
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  };
}
