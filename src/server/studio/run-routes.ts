/** Runs in a folder, as the studio watches them: read, never written. */
import { readdir, realpath } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { readRun, runFolders, runHolder, summarizeRun } from '../../checkpoint/index.ts';
import type { ListedRun, Machine, RunDetails, RunList } from '../../studio/runs/answers.ts';
import { samplesFolder, sampleFile } from '../../train/log/log.ts';
import { ApiError } from '../api-error.ts';
import { lastLoggedStep, MetricsFollower } from './follow-metrics.ts';
import { UsageMeter } from './machine-usage.ts';
import { sendFile } from './page-routes.ts';

/** The routes `/runs`, `/runs/{name}`, `/runs/{name}/samples/{step}` and `/machine`. @param folder  need not be there yet */
export function runRoutes(folder: string): Hono {
  const followers = new Map<string, MetricsFollower>();
  const meter = new UsageMeter();
  const nameOf = (path: string) => relative(folder, path).split(sep).join('/') || basename(path);

  async function named(): Promise<ReadonlyMap<string, string>> {
    const paths = await runFolders(folder);
    for (const path of followers.keys()) if (!paths.includes(path)) followers.delete(path);
    return new Map(paths.map((path) => [nameOf(path), path]));
  }

  /** A name is looked up among those that there are, and never made into a path. */
  async function find(name: string): Promise<string> {
    const path = (await named()).get(name);
    if (path !== undefined) return path;
    throw new ApiError(404, `there is no run ${JSON.stringify(name.slice(0, 100))} in ${folder}, or not any more`, {
      code: 'run_not_found',
    });
  }

  /** @throws ApiError 404 if a file is not there, or is a link that leads out of the folder */
  async function checkInside(path: string): Promise<void> {
    const [root, real] = await Promise.all([realpath(folder), realpath(path)]).catch(() => ['', undefined] as const);
    if (real === undefined || !real.startsWith(root + sep))
      throw new ApiError(404, `${path}: is not there`, { code: 'not_found' });
  }

  return new Hono()
    .use('/runs', etag())
    .use('/runs/:name', etag())
    .get('/runs', async (c) => {
      const [data, problems]: [ListedRun[], string[]] = [[], []];
      for (const [name, path] of await named()) {
        // One damaged run must not hide the others, nor one that goes meanwhile.
        const summary = await summarizeRun(path).catch((error: unknown) => {
          problems.push((error as Error).message);
        });
        if (summary) data.push({ name, ...summary, loggedStep: await lastLoggedStep(path) });
      }
      return c.json({ object: 'list', folder, data, problems } satisfies RunList);
    })
    .get('/runs/:name', async (c) => {
      const name = c.req.param('name');
      const path = await find(name);
      let follower = followers.get(path);
      if (!follower) followers.set(path, (follower = new MetricsFollower(path)));
      const [{ config }, summary, metrics, samples] = await Promise.all([
        readRun(path),
        summarizeRun(path),
        follower.read(),
        sampleSteps(path),
      ]);
      return c.json({ object: 'run', name, ...summary, ...metrics, config, samples } satisfies RunDetails);
    })
    .get('/runs/:name/samples/:step{[0-9]+}', async (c) => {
      const path = join(await find(c.req.param('name')), samplesFolder, sampleFile(Number(c.req.param('step'))));
      await checkInside(path);
      return sendFile(c, path);
    })
    .get('/machine', async (c) => {
      const training = [];
      for (const [run, path] of await named()) {
        const holder = await runHolder(path);
        const usage = holder?.isHere && holder.pid !== null ? await meter.process(holder.pid) : undefined;
        if (usage) training.push({ run, ...usage });
      }
      return c.json({ object: 'machine', ...meter.machine(), training } satisfies Machine);
    });
}

/** The steps of a run's sample grids, in order; none where it has made none. */
async function sampleSteps(path: string): Promise<number[]> {
  const entries = await readdir(join(path, samplesFolder), { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return names
    .map((name) => Number(/^step-(\d+)\.png$/.exec(name)?.[1] ?? Number.NaN))
    .filter((step) => Number.isSafeInteger(step) && names.includes(sampleFile(step)))
    .sort((a, b) => a - b);
}
