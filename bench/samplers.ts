/** How exact our samplers are for their steps, beside diffusers' schedulers, where the answer is known: on N(0, ½²). */
import { float32 } from '../src/core/index.ts';
import { dpm2, dpmpp2m, drainSampler, edmSchedule, euler, gaussianDenoiser, heun, karrasSigmas, unipc, type Sampler } from '../src/diffusion/index.ts';
import { startPeer } from './peer.ts';
import { rounded } from './question.ts';
import { layTable } from './table.ts';

const ours: readonly (readonly [name: string, sampler: Sampler])[] = [['euler', euler], ['heun', heun], ['dpm2', dpm2], ['dpmpp2m', dpmpp2m], ['unipc', unipc]];
const stepCounts = [8, 16, 32, 64, 128];
const [std, sigmaMin, sigmaMax] = [0.5, 0.002, 80];
/** The end of the probability-flow ODE from x = 80 at σ = 80. */
const exact = (sigmaMax * std) / Math.hypot(std, sigmaMax);

export async function samplers(): Promise<void> {
  const schedule = edmSchedule();
  const denoise = gaussianDenoiser(schedule, { mean: 0, std });
  const rows: { readonly name: string; readonly errors: readonly number[] }[] = [];
  for (const [name, sampler] of ours) {
    const errors: number[] = [];
    for (const N of stepCounts) {
      const end = await drainSampler(sampler(denoise, float32([1, 1], [sigmaMax]), { schedule, timesteps: karrasSigmas(N, { sigmaMin, sigmaMax }), streams: [{ fillNormal: (out) => out }] }));
      errors.push(Math.abs(end.data[0]! / exact - 1));
    }
    rows.push({ name: `kuosan ${name}`, errors });
  }
  const peer = await startPeer('samplers.py');
  if (typeof peer === 'string') console.log(`without diffusers: ${peer}`);
  else {
    for (const name of peer.about['schedulers'] as readonly string[]) {
      const errors: number[] = [];
      for (const steps of stepCounts) errors.push((await peer.ask({ scheduler: name, steps }))['relativeError'] as number);
      rows.push({ name: `diffusers ${name}`, errors });
    }
    console.log(`diffusers ${String(peer.about['diffusers'])}`);
    await peer.stop();
  }
  console.log('|x(0)/exact − 1| after N steps on Karras\' levels from 80 to 0.002, and the order between the last two');
  console.log(layTable([['sampler', ...stepCounts.map(String), 'order'], ...rows.map(({ name, errors }) => [name, ...errors.map((error) => error.toPrecision(3)), Math.log2(errors.at(-2)! / errors.at(-1)!).toFixed(2)])]));
  console.log(JSON.stringify({ question: 'samplers', outcomes: rows.map(({ name, errors }) => ({ case: name, errors: rounded(errors) })) }));
}
