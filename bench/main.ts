/**
 * Our times next to every peer's, in one run on one machine.
 *
 *     npm run bench                                                     all questions
 *     npm run bench -- training forward sampling clip answers kernels memory compile overhead  some of them
 *     npm run bench -- weight-gradients --rounds 3                      every way to them, and what the choice costs
 *     npm run bench -- sampling --whole                                 images by DDIM, also 256 of them in 50 steps
 *     npm run bench -- samplers                                         how exact samplers are, next to diffusers'
 *     npm run bench -- javascript                                       next to libraries of the browser, see peers/js
 *     KUOSAN_PYTHON=<python with torch and diffusers> npm run bench
 *
 *     npm run bench -- training kernels --case 'batch 8'                 cases with this in their name; may be repeated
 *
 * Options: --rounds 7 (pairs of blocks), --threads (the number of processors), --peers eager,channels_last,compile.
 * Each row is printed when it is measured, with the time that is left; each question ends with a table and one line of JSON; ratio = the fastest peer's time / ours.
 */
import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { variants, type Settings, type Variant } from './question.ts';

const questions: Readonly<Record<string, (settings: Settings) => Promise<void>>> = {
  training: async (settings) => (await import('./training.ts')).training(settings),
  forward: async (settings) => (await import('./forward.ts')).forward(settings),
  sampling: async (settings) => (await import('./sampling.ts')).sampling(settings),
  clip: async (settings) => (await import('./clip.ts')).clip(settings),
  answers: async (settings) => (await import('./answers.ts')).answers(settings),
  kernels: async (settings) => (await import('./kernels.ts')).kernels(settings),
  'weight-gradients': async (settings) => (await import('./weight-gradients.ts')).weightGradients(settings),
  memory: async (settings) => (await import('./memory.ts')).memory(settings),
  compile: async (settings) => (await import('./compile.ts')).compile(settings),
  overhead: async (settings) => (await import('./overhead.ts')).overhead(settings),
  samplers: async () => (await import('./samplers.ts')).samplers(),
  javascript: async (settings) => (await import('./javascript.ts')).javascript(settings),
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string', default: '7' },
      threads: { type: 'string', default: String(availableParallelism()) },
      peers: { type: 'string', default: variants.join() },
      case: { type: 'string', multiple: true, default: [] },
      whole: { type: 'boolean', default: false },
    },
  });
  const [rounds, threads] = [wholeNumber('rounds', values.rounds), wholeNumber('threads', values.threads)];
  const chosen = values.peers.split(',').filter((name) => name !== '');
  for (const name of chosen)
    if (!(variants as readonly string[]).includes(name))
      throw new Error(`bench: --peers takes ${variants.join(', ')}, got ${name}`);
  for (const name of positionals)
    if (!questions[name]) throw new Error(`bench: no question "${name}"; one of ${Object.keys(questions).join(', ')}`);

  console.log(
    `${cpus()[0]?.model.trim() ?? 'an unknown processor'}, ${threads} threads, Node.js ${process.versions.node}, ${rounds} rounds, load ${loadavg()[0]!.toFixed(1)}`,
  );
  if (loadavg()[0]! > 0.5) console.log('the machine is busy: expect noise');
  for (const name of positionals.length > 0 ? positionals : Object.keys(questions)) {
    console.log(`\n== ${name}`);
    await questions[name]!({ threads, rounds, variants: chosen as Variant[], cases: values.case, whole: values.whole });
  }
}

function wholeNumber(option: string, text: string): number {
  if (!/^[1-9]\d*$/.test(text)) throw new Error(`bench: --${option} is a positive integer, got ${text}`);
  return Number(text);
}

main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
