import { fork } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { readAdapter } from './adapter.ts';
import type { NodeEngineOptions } from './node-engine.ts';
import { remoteService, type Response } from './remote-service.ts';
import type { SessionService } from './session-service.ts';

/** What the engine's process writes to its standard error once everything before its facts is there. */
export const factsMark = 'kuosan: facts';

/** So much of what a driver writes is kept: what it said last is what explains its end. */
const keptCharacters = 1 << 16;

/**
 * A session host in a process of its own, behind the same interface. The process starts with the first call.
 *
 * Drivers of graphics cards can end a process, and two that compute at once in one process do; here only the engine is
 * lost, and every executor has a driver to itself. What the driver writes is kept: it names the adapter in use.
 *
 * @param env  environment variables beside this process's own
 */
export function startProcess(options: NodeEngineOptions, env: Readonly<Record<string, string>> = {}): SessionService {
  let log = '';
  let marked = () => {};
  const mark = new Promise<void>((resolve) => { marked = resolve; });
  const service = remoteService(({ received, lost }) => {
    const isSource = import.meta.url.endsWith('.ts');
    const main = fileURLToPath(new URL(isSource ? './node-process-main.ts' : './node-process-main.js', import.meta.url));
    const child = fork(main, [JSON.stringify(options)], {
      // Typed arrays travel as they are.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: isSource ? ['--import', import.meta.resolve('tsx')] : [],
      // With this the Vulkan loader says which driver and which device it has been asked for.
      env: { ...process.env, VK_LOADER_DEBUG: 'error,driver', ...env },
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log = (log + text).slice(-keptCharacters);
      if (log.includes(factsMark)) marked();
    });
    child.on('message', (response: Response) => received(response));
    child.on('error', lost);
    child.on('close', (code, signal) => {
      marked();
      lost(new Error(`the engine's process on ${options.device} has ended (${signal ?? `exit code ${code}`})${lastWords(log)}; --device cpu computes on the processor`));
    });
    return {
      send: (request) => child.send(request, (error) => error && lost(error)),
      hold(busy) {
        for (const end of [child, child.channel!, child.stderr as Socket]) {
          if (busy) end.ref();
          else end.unref();
        }
      },
    };
  });
  return {
    ...service,
    async facts() {
      const facts = await service.facts();
      await mark;
      return options.device === 'webgpu' ? { ...facts, ...readAdapter(log) } : facts;
    },
  };
}

/** The last line that is no chatter of a loader. */
function lastWords(log: string): string {
  const line = log.split('\n').filter((each) => each.trim() !== '' && !/^\[Vulkan Loader\]|^Warning|^ +at |kuosan: facts/.test(each)).at(-1);
  return line ? `: ${line.trim()}` : '';
}
