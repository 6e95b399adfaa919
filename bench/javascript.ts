/**
 * Single operators next to TensorFlow.js (WebAssembly, and plain JavaScript) and jax-js, and what a training step of the
 * U-Net would take at the rate of their convolutions. What a library cannot do is told in its own words.
 */
import { existsSync } from 'node:fs';
import { sizeOf } from '../src/core/index.ts';
import { denoiserProgram } from '../src/pipelines/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { contest, summarize, timed, type Blocks, type Side, type Summary } from './contest.ts';
import { flopsOf, openKernel, type Case } from './kernels.ts';
import { networkOf, unetConfig } from './network.ts';
import { startPeer, type Peer } from './peer.ts';
import { measureCases, rounded, type Settings } from './question.ts';
import { digits, layTable } from './table.ts';

const [x, w] = [
  [2, 64, 32, 32],
  [64, 64, 3, 3],
];
const cases: readonly Case[] = [
  { name: 'matmul 512³', kernel: 'matmul', x: [512, 512], w: [512, 512], copies: 1 },
  { name: 'conv 2×64×32×32', kernel: 'conv', x, w, copies: 1 },
  { name: 'conv 2×64×32×32, input gradient', kernel: 'conv_dx', x, w, copies: 1 },
  { name: 'conv 2×64×32×32, weight gradient', kernel: 'conv_dw', x, w, copies: 1 },
];

const libraries: Readonly<Record<string, readonly [script: string, options: Readonly<Record<string, unknown>>]>> = {
  'tfjs wasm': ['js/tfjs.js', { backend: 'wasm' }],
  'tfjs cpu': ['js/tfjs.js', { backend: 'cpu' }],
  'jax-js wasm': ['js/jax.js', {}],
};

/** Some take seconds for an operator: beyond this many milliseconds one time is enough. */
const patience = 2000;
const mostRounds = 3;

export async function javascript(settings: Settings): Promise<void> {
  const { threads, rounds } = settings;
  if (!existsSync(new URL('peers/js/node_modules', import.meta.url))) {
    console.log('skipped: `npm ci --prefix bench/peers/js` installs what it measures');
    return;
  }
  const executor = createNodeExecutor({ threads, worker: false });
  const peers: Record<string, Peer> = {};
  for (const [name, [script, options]] of Object.entries(libraries)) {
    const peer = await startPeer(script, { ...options, threads });
    if (typeof peer === 'string') console.log(`without ${name}: ${peer}`);
    else peers[name] = peer;
  }
  const cannot: string[] = [];
  const measure = async (subject: Case) => {
    const kernel = await openKernel(executor, subject);
    const sides: Record<string, Side> = { kuosan: timed(kernel.run) };
    const slow: Record<string, Blocks> = {};
    for (const [name, peer] of Object.entries(peers)) {
      const ask = async (repeat: number) =>
        (await peer.ask({ kernel: subject.kernel, x: subject.x, w: subject.w, repeat }))['ms'] as number[];
      try {
        const once = await ask(1);
        if (once[0]! > patience) slow[name] = [once];
        else sides[name] = ask;
      } catch (error) {
        cannot.push(`${name}, ${subject.name}: ${(error as Error).message}`);
      }
    }
    const blocks = await contest(sides, { rounds: Math.min(rounds, mostRounds), repeat: 2 });
    await kernel.dispose();
    const summaries: Record<string, Summary> = Object.fromEntries(
      Object.entries({ ...blocks, ...slow }).map(([name, times]) => [name, summarize(times)]),
    );
    return { case: subject.name, flops: flopsOf(subject), sides: summaries };
  };
  const rows = await measureCases(
    cases,
    {
      nameOf: ({ name }) => name,
      measure,
      lineOf: ({ case: name, flops, sides }) =>
        `${name}: ${Object.entries(sides)
          .map(([side, { median }]) => `${side} ${digits(flops / median / 1e6)}`)
          .join(', ')} GFLOP/s`,
    },
    settings,
  );
  const versions = Object.values(peers).map(
    ({ about }) => `${String(about['library'])} (${String(about['backend'])}, ${String(about['threads'])} threads)`,
  );
  for (const peer of Object.values(peers)) await peer.stop();
  await executor.dispose();
  if (rows.length === 0) return;

  const names = ['kuosan', ...Object.keys(peers)];
  const rate = ({ flops, sides }: (typeof rows)[number], name: string) =>
    sides[name] ? flops / sides[name].median / 1e6 : NaN;
  console.log(
    `\n${layTable([['GFLOP/s', ...names], ...rows.map((row) => [row.case, ...names.map((name) => digits(rate(row, name)))])])}`,
  );
  console.log(`next to ${versions.join(', ')}`);
  for (const line of cannot) console.log(`cannot: ${line}`);
  const convolutions = rows.filter(({ case: name }) => name.startsWith('conv'));
  const operations = forwardConvolutions(64, 16);
  // A step is all three kinds together.
  const isStep = convolutions.length === cases.length - 1;
  const least = (isStep ? names : []).map((name): [string, number] => [
    name,
    convolutions.reduce((seconds, row) => seconds + operations / rate(row, name) / 1e9, 0),
  ]);
  if (isStep)
    console.log(
      `at these rates the convolutions of one training step, 64·(1,2,2), batch 16, would take ${least.map(([name, seconds]) => `${name} ${Number.isFinite(seconds) ? `${digits(seconds)} s` : 'no step at all'}`).join(', ')}`,
    );
  console.log(
    JSON.stringify({
      question: 'javascript',
      versions,
      outcomes: rounded(rows),
      cannot,
      convolutionSeconds: rounded(Object.fromEntries(least)),
    }),
  );
}

/** FLOPs of the convolutions of one evaluation; a training step has as many again for each of the two gradients. */
function forwardConvolutions(width: number, batch: number): number {
  const config = unetConfig(width, batch);
  const { nodes } = denoiserProgram(networkOf(config), batch);
  return nodes
    .filter(({ op }) => op.name === 'conv2d')
    .reduce((total, { inputs, outputs }) => {
      const [, kernel] = inputs;
      return total + 2 * sizeOf(outputs[0]!.shape) * (sizeOf(kernel!.shape) / kernel!.shape[0]!);
    }, 0);
}
