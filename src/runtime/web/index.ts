/** Programs in a web page, on ONNX Runtime's builds for browsers. */
import type { Executor } from '../../core/index.ts';
import { remoteService, type Request, type Response } from '../remote-service.ts';
import { createSessionExecutor } from '../session-executor.ts';
import type { SessionService } from '../session-service.ts';
import { webgpuTarget } from '../webgpu-target.ts';
import type { WebEngineOptions, WebProvider } from './web-options.ts';

/** Options of `createWebExecutor`. */
export interface WebExecutorOptions {
  /**
   * `wasm` runs on the processor and is there in every browser; `webgpu` runs on the GPU. `auto` (default) takes
   * the GPU if there is a real one, not one that the browser imitates.
   */
  readonly device?: 'auto' | WebProvider;
  /**
   * Threads of the wasm provider; default: the number of processors up to 8 where the page is cross-origin isolated, else 1,
   * because browsers share memory between threads only there.
   */
  readonly threads?: number;
  /**
   * The address of a folder with ONNX Runtime's files for browsers (`ort-wasm-simd-threaded*.mjs` and `.wasm` of
   * onnxruntime-web, in the version this package depends on). Absent, they are looked for next to the bundle.
   */
  readonly wasmPaths?: string;
}

interface Adapter {
  readonly info?: {
    readonly vendor: string;
    readonly architecture: string;
    readonly description: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly isFallbackAdapter?: boolean;
}

/** What a page has of a browser. */
interface Browser {
  readonly navigator?: {
    readonly hardwareConcurrency?: number;
    readonly gpu?: { requestAdapter(): Promise<Adapter | null> };
  };
  readonly crossOriginIsolated?: boolean;
}
// The compiler knows a global object of Node, which shares none of this; at run time each may be missing.
const browser = globalThis as unknown as Browser;

interface WebWorker {
  addEventListener(type: 'message', listener: (event: { readonly data: Response }) => void): void;
  addEventListener(type: 'error', listener: (event: { readonly message?: string }) => void): void;
  postMessage(message: WebEngineOptions | Request): void;
  terminate(): void;
}
declare const Worker: new (url: URL, options: { readonly type: 'module'; readonly name?: string }) => WebWorker;

/** More threads than this have not made small networks faster, and cost memory. */
const mostThreads = 8;

/**
 * An executor in a browser, on a worker of its own, so that the page stays alive while it computes.
 *
 * Bundlers have to make the worker a module, because ONNX Runtime starts its threads from its own script:
 * `worker: { format: 'es' }` in Vite's configuration. The dev servers of Vite 6 and 7 lose it without
 * `optimizeDeps: { exclude: ['kuosan'] }`. onnxruntime-web has to be installed.
 *
 * @throws if the GPU is asked for and there is none, or several threads where the page is not isolated
 */
export async function createWebExecutor({
  device = 'auto',
  threads,
  wasmPaths,
}: WebExecutorOptions = {}): Promise<Executor> {
  const isolated = browser.crossOriginIsolated === true;
  const count = threads ?? (isolated ? Math.min(browser.navigator?.hardwareConcurrency ?? 1, mostThreads) : 1);
  if (!Number.isInteger(count) || count < 1) throw new Error(`threads: expected a positive integer, got ${count}`);
  if (count > 1 && !isolated)
    throw new Error(
      `createWebExecutor: ${count} threads need a page that is cross-origin isolated; serve it with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or take 1`,
    );
  const adapter = device === 'wasm' ? undefined : await graphicsAdapter();
  if (device === 'webgpu' && !adapter)
    throw new Error('createWebExecutor: this browser has no graphics adapter for WebGPU; take the device wasm');
  const provider: WebProvider = adapter && (device === 'webgpu' || !isFallback(adapter)) ? 'webgpu' : 'wasm';
  const options: WebEngineOptions = { provider, threads: count, ...(wasmPaths !== undefined && { wasmPaths }) };
  return createSessionExecutor(startWorker(options), {
    device:
      provider === 'wasm'
        ? `wasm (${count} ${count === 1 ? 'thread' : 'threads'})`
        : `webgpu (${adapterName(adapter!)})`,
    ...(provider === 'webgpu' && {
      target: async () => webgpuTarget,
      facts: async () => ({ adapter: adapterName(adapter!) }),
    }),
  });
}

async function graphicsAdapter(): Promise<Adapter | undefined> {
  return (await browser.navigator?.gpu?.requestAdapter()) ?? undefined;
}

function isFallback({ info, isFallbackAdapter }: Adapter): boolean {
  // SwiftShader is Chromium's processor in a GPU's clothes, whatever it says of itself.
  return (info?.isFallbackAdapter ?? isFallbackAdapter ?? false) || info?.architecture === 'swiftshader';
}

function adapterName({ info }: Adapter): string {
  return info?.description || [info?.vendor, info?.architecture].filter(Boolean).join(' ') || 'unnamed adapter';
}

function startWorker(options: WebEngineOptions): SessionService {
  return remoteService(({ received, lost }) => {
    // Bundlers find the worker by this very form of words.
    const worker = new Worker(new URL('./web-worker-main.js', import.meta.url), { type: 'module' });
    worker.addEventListener('message', ({ data }) => received(data));
    worker.addEventListener('error', ({ message }) =>
      lost(
        new Error(
          message
            ? `the engine's worker has failed: ${message}`
            : "the engine's worker has failed to load; Vite needs worker: { format: 'es' } and optimizeDeps: { exclude: ['kuosan'] } in its configuration, and onnxruntime-web has to be installed",
        ),
      ),
    );
    worker.postMessage(options);
    return { send: (request) => worker.postMessage(request), hold: () => {} };
  });
}
