import { fileURLToPath } from 'node:url';
import { createServer } from 'vite';
import type { z } from 'zod';
import { describeSchemas } from './described-source.ts';

/** The project's own folder. */
export const root = fileURLToPath(new URL('../../', import.meta.url));

/** Source files, loaded with their comments in their schemas. */
export interface Described {
  /** The schema of each kind of run, by its task. */
  readonly configSchemas: Readonly<Record<string, z.ZodObject>>;
  /** What a source file exports, by its path below the project. */
  load(path: string): Promise<Readonly<Record<string, unknown>>>;
}

/** Loads the schemas with their comments, and calls the work with them. */
export async function withDescribed<T>(work: (described: Described) => Promise<T>): Promise<T> {
  const server = await createServer({
    root,
    configFile: false,
    appType: 'custom',
    logLevel: 'error',
    plugins: [describeSchemas],
    server: { middlewareMode: true, hmr: false, ws: false, watch: null },
    optimizeDeps: { noDiscovery: true },
  });
  try {
    const load: Described['load'] = (path) => server.ssrLoadModule(`/${path}`);
    const { configSchemas } = (await load('src/systems/all.ts')) as unknown as Described;
    return await work({ configSchemas, load });
  } finally {
    await server.close();
  }
}
