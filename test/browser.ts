/** A browser and a web server, for the tests of what runs in a page. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';

/** The browser to test in: KUOSAN_CHROMIUM, or the system's; undefined if there is none. */
export const browserPath = [
  process.env['KUOSAN_CHROMIUM'],
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path));

/** Why a test is skipped where there is no browser. */
export const withoutBrowser = 'skipped where there is no Chromium; KUOSAN_CHROMIUM names one';

/** Starts the browser. @param args  switches next to the usual */
export function startBrowser(args: readonly string[] = []): Promise<Browser> {
  // Containers run as the super-user, for whom Chromium has no sandbox.
  return chromium.launch({ executablePath: browserPath!, args: ['--no-sandbox', ...args] });
}

/** WebGPU on a GPU that SwiftShader imitates, which comes with Chromium. */
export const softwareWebGpu = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

const mediaTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
};

/** A static web server on a free port. */
export interface Served {
  /** Where the folder is: not at the root, as on many hosts. */
  readonly url: string;
  close(): void;
}

/** @param isolated  whether it sends the headers that let a page have several threads */
export async function serveFolder(folder: string, isolated: boolean): Promise<Served> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url!, 'http://host').pathname)
      .replace(/^\/some\/path\//, '/')
      .replace(/\/$/, '/index.html');
    const headers = {
      'content-type': mediaTypes[extname(path)] ?? 'application/octet-stream',
      ...(isolated && { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' }),
    };
    readFile(join(folder, path)).then(
      (body) => response.writeHead(200, headers).end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { address, port } = server.address() as AddressInfo;
  return { url: `http://${address}:${port}/some/path/`, close: () => server.close() };
}
