import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The other side of a benchmark: a process that answers one line of JSON for each line it is given, and waits in between. */
export interface Peer {
  /** Its first answer: versions and what it runs. */
  readonly about: Readonly<Record<string, unknown>>;
  /** @throws what it answers as its error */
  ask(request: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  stop(): Promise<void>;
}

/**
 * Starts `peers/<script>`: Python files with `KUOSAN_PYTHON` or `python3`, others with Node.
 *
 * @param env  variables next to this process's own
 * @returns the peer, or the reason why there is none (no Python, no torch)
 */
export async function startPeer(
  script: string,
  options: Readonly<Record<string, unknown>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Peer | string> {
  const program = script.endsWith('.py') ? (process.env['KUOSAN_PYTHON'] ?? 'python3') : process.execPath;
  const child = spawn(program, [fileURLToPath(new URL(`peers/${script}`, import.meta.url)), JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let trouble = '';
  child.stderr.on('data', (text) => {
    trouble = `${trouble}${text}`.slice(-2000);
  });
  const ended = new Promise<never>((_, reject) => {
    child.on('error', (error) => reject(new Error(`${program} does not start: ${error.message}`)));
    child.on('exit', (code, signal) =>
      reject(
        new Error(`${program} ended (${signal ?? `exit code ${code}`}) ${trouble.trim().split('\n').at(-1) ?? ''}`),
      ),
    );
  });
  ended.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextAnswer = async () => {
    const { value, done } = await Promise.race([lines.next(), ended]);
    const answer = done ? await ended : (JSON.parse(value) as Record<string, unknown>);
    if (typeof answer['error'] === 'string') throw new Error(answer['error']);
    return answer;
  };
  try {
    const about = await nextAnswer();
    return {
      about,
      ask: (request) => (child.stdin.write(`${JSON.stringify(request)}\n`), nextAnswer()),
      stop: () => stop(child),
    };
  } catch (error) {
    await stop(child);
    return (error as Error).message;
  }
}

/** Its memory is free again when this resolves. */
async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  child.kill();
  await gone;
}
