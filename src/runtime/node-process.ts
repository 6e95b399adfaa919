import { fork, type ChildProcess } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { readAdapter } from './adapter.ts';
import { explainFailure } from './explain-failure.ts';
import type { NodeEngineOptions } from './node-engine.ts';
import { remoteService, type Response } from './remote-service.ts';
import type { SessionService } from './session-service.ts';

/**
 * The line that the engine's process writes to its standard error after its facts and after every failure: what a driver
 * had to say of it stands before.
 */
export const mark = 'kuosan: told';

/** So much of what a driver writes is kept: what it said last is what explains its end. */
const keptCharacters = 1 << 16;

/** A driver that hangs in a run must not keep whoever gives up on it; a run that is under way has this long to end. */
const closingSeconds = 5;

/**
 * A session host in a process of its own, behind the same interface. The process starts with the first call.
 *
 * Drivers of GPUs can end a process, and two that compute at once in one process do; here only the engine is
 * lost, and every executor has a driver to itself. What the driver writes is kept: it names the adapter in use.
 *
 * @param env  environment variables next to this process's own
 */
export function startProcess(options: NodeEngineOptions, env: Readonly<Record<string, string>> = {}): SessionService {
  const log = new DriverLog();
  let child: ChildProcess | undefined;
  const service = remoteService(({ received, lost }) => {
    const isSource = import.meta.url.endsWith('.ts');
    const main = fileURLToPath(
      new URL(isSource ? './node-process-main.ts' : './node-process-main.js', import.meta.url),
    );
    const started = fork(main, [JSON.stringify(options)], {
      // Typed arrays travel as they are.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: isSource ? ['--import', import.meta.resolve('tsx')] : [],
      // With this the Vulkan loader says which driver and which device it has been asked for.
      env: { ...process.env, VK_LOADER_DEBUG: 'error,driver', ...env },
    });
    child = started;
    started.stderr!.setEncoding('utf8').on('data', (text: string) => log.add(text));
    started.on('message', (response: Response) => {
      if ('error' in response) log.expectMark();
      received(response);
    });
    started.on('error', lost);
    started.on('close', (code, signal) => {
      log.end();
      lost(
        new Error(
          `the engine's process on ${options.device} has ended (${signal ?? `exit code ${code}`})${lastWords(log.text)}; --device cpu computes on the processor`,
        ),
      );
    });
    return {
      // What cannot be sent any more goes to a process that has ended, which is told above with the reason.
      send: (request) => started.send(request, () => {}),
      hold(busy) {
        for (const end of [started, started.channel, started.stderr as Socket]) {
          if (busy) end?.ref();
          else end?.unref();
        }
      },
    };
  });
  const explained = <T>(result: Promise<T>): Promise<T> =>
    result.catch(async (error: Error) => {
      await log.complete();
      throw new Error(explainFailure(options.device, error.message, log.text), { cause: error });
    });
  return {
    ...service,
    async facts() {
      const facts = await explained(service.facts());
      log.expectMark();
      await log.complete();
      return options.device === 'webgpu' ? { ...facts, ...readAdapter(log.text) } : facts;
    },
    load: (...args) => explained(service.load(...args)),
    run: (...args) => explained(service.run(...args)),
    async close() {
      const timer = setTimeout(() => child?.kill('SIGKILL'), closingSeconds * 1000);
      try {
        await service.close();
      } catch (error) {
        if (!child?.killed) throw error;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** What a process has written to its standard error, and whether that is all for now: it comes by another way than results. */
class DriverLog {
  text = '';
  #line = '';
  #marks = 0;
  #expected = 0;
  #hasEnded = false;
  #waiting: (() => void)[] = [];

  add(text: string): void {
    const lines = (this.#line + text).split('\n');
    this.#line = lines.pop()!;
    for (const line of lines) {
      if (line === mark) this.#marks += 1;
      else this.text = `${this.text}${line}\n`.slice(-keptCharacters);
    }
    this.#release();
  }

  /** One more mark is on its way. */
  expectMark(): void {
    this.#expected += 1;
  }

  /** Nothing will follow. */
  end(): void {
    this.#hasEnded = true;
    this.text += this.#line;
    this.#release();
  }

  /** Resolves when all expected marks are there. */
  complete(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#release();
    });
  }

  #release(): void {
    if (this.#marks < this.#expected && !this.#hasEnded) return;
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** The last line that is no chatter of a loader. */
function lastWords(log: string): string {
  const line = log
    .split('\n')
    .filter((each) => each.trim() !== '' && !/^\[Vulkan Loader\]|^Warning|^ +at /.test(each))
    .at(-1);
  return line ? `: ${line.trim()}` : '';
}
