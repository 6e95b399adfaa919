/** More clients than a server can serve: nothing is lost or mixed up, it stays answerable, and its memory flat. */
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { RandomStream } from '../src/core/index.ts';

/** Options of `soakServe`. */
export interface ServeSoakOptions {
  /** How Node starts `kuosan`. */
  readonly program: readonly string[];
  readonly model: string;
  readonly clients: number;
  readonly seconds: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly queue: number;
  /** Workers that are killed on the way. */
  readonly kills: number;
  /** Chooses which client asks for which image. */
  readonly seed: number;
  readonly print: (line: string) => void;
}

/** What came of it. */
export interface ServeSoakReport {
  /** Images that came, each with the bytes that its seed has alone. */
  readonly answered: number;
  /** Requests told to come later. */
  readonly refused: number;
  /** Workers that were killed; one that was idle took no request with it. */
  readonly workersKilled: number;
  /** Requests whose worker was killed, which said so. */
  readonly killed: number;
  /** Whatever else happened, a line each: other bytes, other errors, no answer. */
  readonly faults: readonly string[];
  readonly imagesPerSecond: number;
  /** Requests sent for each that was answered. */
  readonly overload: number;
  /** Milliseconds of `/health`: half and 95 of 100 are below. */
  readonly healthMs: { readonly p50: number; readonly p95: number };
  /** Milliseconds of an image that was answered. */
  readonly imageMs: { readonly p50: number; readonly p95: number };
  /** Megabytes of the server and of its worker, on average, in the second quarter of the time and in the last. */
  readonly memory: Readonly<Record<'server' | 'worker', readonly [before: number, after: number]>>;
  /** Megabytes of the server's JavaScript heap at its least in those quarters, which is near what collections leave. */
  readonly heap: readonly [before: number, after: number];
}

/** The model that is asked when nobody says. */
export const soakedModel = 'fashion-mnist';

/** Different images: each client's next one is any of them. */
const seeds = 16;

/** A client that was refused comes again so soon, whatever it was told: clients are many and not patient. */
const impatientMs = 500;

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

/** Starts a server, asks it for more than it can do, and stops it. */
export async function soakServe(options: ServeSoakOptions): Promise<ServeSoakReport> {
  const { clients, seconds, kills, seed, print } = options;
  const server = await startedServer(options);
  try {
    const expected: string[] = [];
    for (let i = 0; i < seeds; i++) {
      const { status, image } = await asked(server, options, i);
      if (image === undefined) throw new Error(`soak: the server answered ${status} to its only client`);
      expected.push(image);
    }
    print(`${seeds} images made alone; now ${clients} clients for ${seconds} s`);
    const counts = { sent: 0, answered: 0, refused: 0, killed: 0 };
    const faults: string[] = [];
    const imageMs: number[] = [];
    const start = performance.now();
    const isOver = () => performance.now() - start > seconds * 1000;
    const client = async (number: number): Promise<void> => {
      const random = new RandomStream(seed, 'client', number);
      while (!isOver()) {
        const which = random.integer(seeds);
        const sentAt = performance.now();
        counts.sent += 1;
        const { status, image, code } = await asked(server, options, which).catch((error: Error) => ({
          status: 0,
          image: undefined,
          code: error.message,
        }));
        if (image === expected[which]) {
          counts.answered += 1;
          imageMs.push(performance.now() - sentAt);
        } else if (status === 429) {
          counts.refused += 1;
          await sleep(impatientMs);
        } else if (status === 500 && code === 'worker_lost' && kills > 0) counts.killed += 1;
        else faults.push(image === undefined ? `status ${status} (${code})` : `seed ${which} has other bytes`);
      }
    };
    const probing = probedHealth(server, seconds);
    const watching = watchedMemory(server, isOver);
    const killing = killWorkers(server, kills, seconds, isOver);
    const [workersKilled] = await Promise.all([
      killing,
      ...Array.from({ length: clients }, (_, number) => client(number)),
    ]);
    const took = (performance.now() - start) / 1000;
    const [healthMs, { memory, heap }] = await Promise.all([probing, watching]);
    return {
      ...counts,
      workersKilled,
      faults,
      imagesPerSecond: counts.answered / took,
      overload: counts.sent / Math.max(1, counts.answered),
      healthMs: quantiles(healthMs),
      imageMs: quantiles(imageMs),
      memory,
      heap,
    };
  } finally {
    server.child.kill('SIGTERM');
    await new Promise((resolve) => server.child.once('exit', resolve));
  }
}

async function startedServer({ program, model, batchSize, queue }: ServeSoakOptions): Promise<Running> {
  const args = ['serve', `it=${model}`, '--port', '0', '--batch-size', String(batchSize), '--queue', String(queue)];
  const child = spawn(process.execPath, [...program, ...args, '--device', 'cpu', '--threads', '1', '--no-spin'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += String(chunk);
      const [, address] = /serving at (\S+)\/v1/.exec(said) ?? [];
      if (address) resolve(address);
    });
    child.once('exit', (code) => reject(new Error(`soak: the server ended with ${code}`)));
  });
  return { child, url };
}

interface Asked {
  readonly status: number;
  readonly image?: string | undefined;
  readonly code?: string | undefined;
}

async function asked({ url }: Running, { steps }: ServeSoakOptions, seed: number): Promise<Asked> {
  const response = await fetch(`${url}/v1/images/generations`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'it', prompt: '', seed, steps, response_format: 'b64_json' }),
  });
  const { data, error } = (await response.json()) as {
    readonly data?: readonly { readonly b64_json: string }[];
    readonly error?: { readonly code: string };
  };
  return { status: response.status, image: data?.[0]?.b64_json, code: error?.code };
}

/** Milliseconds that `/health` took, ten times a second, as a process of its own sees them. */
async function probedHealth({ url }: Running, seconds: number): Promise<readonly number[]> {
  const script = fileURLToPath(new URL('health-probe.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', import.meta.resolve('tsx'), script, url, String(seconds)],
    { encoding: 'utf8', maxBuffer: 2 ** 26 },
  );
  return JSON.parse(stdout) as number[];
}

/** Looks at the memory every second. */
async function watchedMemory(
  { url }: Running,
  isOver: () => boolean,
): Promise<Pick<ServeSoakReport, 'memory' | 'heap'>> {
  const sizes: { readonly server: number; readonly worker: number; readonly heap: number }[] = [];
  while (!isOver()) {
    const text = await (await fetch(`${url}/metrics`)).text();
    const read = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN) / 2 ** 20;
    sizes.push({
      server: read('process_resident_memory_bytes'),
      worker: read('kuosan_worker_resident_bytes'),
      heap: read('nodejs_heap_size_used_bytes'),
    });
    await sleep(1000);
  }
  const quarter = Math.floor(sizes.length / 4);
  const mean = (part: readonly number[]) => part.reduce((sum, size) => sum + size, 0) / part.length;
  const change = (of: 'server' | 'worker' | 'heap', measure: (part: readonly number[]) => number) => {
    const all = sizes.map((size) => size[of]);
    // A soak of a second or two has no quarters.
    if (all.length < 4) return [measure(all), measure(all)] as const;
    return [measure(all.slice(quarter, 2 * quarter)), measure(all.slice(-quarter))] as const;
  };
  return {
    memory: { server: change('server', mean), worker: change('worker', mean) },
    heap: change('heap', (part) => Math.min(...part)),
  };
}

/**
 * Kills the process that computes, at even distances.
 *
 * @returns how many were killed
 */
async function killWorkers({ child }: Running, kills: number, seconds: number, isOver: () => boolean): Promise<number> {
  let killed = 0;
  for (let i = 0; i < kills && !isOver(); i++) {
    await sleep((seconds * 1000) / (kills + 1));
    const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(child.pid)], { encoding: 'utf8' });
    const worker = Number(stdout.trim().split('\n')[0]);
    if (worker > 0 && process.kill(worker, 'SIGKILL')) killed++;
  }
  return killed;
}

function quantiles(times: readonly number[]): { readonly p50: number; readonly p95: number } {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return { p50: at(0.5), p95: at(0.95) };
}
