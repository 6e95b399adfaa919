import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** The other side of a benchmark: a Python process that answers one line of JSON for each line it is given. */
export interface Peer {
  /** Its first answer: versions and what it runs. */
  readonly about: Readonly<Record<string, unknown>>;
  ask(request: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  stop(): void;
}

/**
 * Starts `peers/<script>` with `KUOSAN_PYTHON` or `python3`.
 *
 * @returns the peer, or the reason why there is none (no Python, no torch)
 */
export async function startPeer(script: string, options: Readonly<Record<string, unknown>>): Promise<Peer | string> {
  const python = process.env['KUOSAN_PYTHON'] ?? 'python3';
  const child = spawn(python, [fileURLToPath(new URL(`peers/${script}`, import.meta.url)), JSON.stringify(options)], { stdio: ['pipe', 'pipe', 'pipe'] });
  let trouble = '';
  child.stderr.on('data', (text) => { trouble = `${trouble}${text}`.slice(-2000); });
  const ended = new Promise<never>((_, reject) => {
    child.on('error', (error) => reject(new Error(`${python} does not start: ${error.message}`)));
    child.on('exit', (code) => reject(new Error(`${python} ended (exit code ${code}) ${trouble.trim().split('\n').at(-1) ?? ''}`)));
  });
  ended.catch(() => {});
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextAnswer = async () => {
    const { value, done } = await Promise.race([lines.next(), ended]);
    return done ? ended : JSON.parse(value) as Record<string, unknown>;
  };
  try {
    const about = await nextAnswer();
    if (typeof about['error'] === 'string') return about['error'];
    return { about, ask: (request) => (child.stdin.write(`${JSON.stringify(request)}\n`), nextAnswer()), stop: () => stop(child) };
  } catch (error) {
    stop(child);
    return (error as Error).message;
  }
}

function stop(child: ChildProcessWithoutNullStreams): void {
  child.removeAllListeners('exit');
  child.stdin.end();
  child.kill();
}
