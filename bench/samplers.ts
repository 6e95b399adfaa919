/** How exact our samplers are for their steps, next to diffusers' schedulers, where the answer is known: on Gaussian data. */
import { float32, RandomStream } from '../src/core/index.ts';
import {
  ddim,
  ddpm,
  dpm2,
  dpmpp2m,
  dpmpp2mSde,
  drainSampler,
  edmSchedule,
  euler,
  eulerAncestral,
  flowSchedule,
  flowTimes,
  gaussianDenoiser,
  heun,
  initialNoise,
  karrasSigmas,
  linearSchedule,
  type NoiseSchedule,
  type Sampler,
  timesteps,
  unipc,
} from '../src/diffusion/index.ts';
import { startPeer, type Peer } from './peer.ts';
import { rounded } from './question.ts';
import { layTable } from './table.ts';

type Named = readonly (readonly [name: string, sampler: Sampler])[];
type Row = { readonly name: string; readonly values: readonly number[]; readonly means?: readonly number[] };

const std = 0.5;

/** Where the probability-flow ODE ends, whose start and end are known. */
const [sigmaMin, sigmaMax] = [0.002, 80];
const odeSteps = [8, 16, 32, 64, 128];
const odeSamplers: Named = [
  ['euler', euler],
  ['ddim', ddim],
  ['heun', heun],
  ['dpm2', dpm2],
  ['dpmpp2m', dpmpp2m],
  ['unipc', unipc],
];

/** What law the images have that are drawn with noise in the steps, or with few steps. */
const mean = 0.3;
const lawSteps = [10, 20, 50, 100];
const count = 2 ** 18;
const lawSamplers: Named = [
  ['ddpm, fixed_small', ddpm],
  ['ddpm, fixed_large', (denoise, xT, options) => ddpm(denoise, xT, { ...options, varianceType: 'fixed_large' })],
  ['ddim', ddim],
  ['ddim, eta 1', (denoise, xT, options) => ddim(denoise, xT, { ...options, eta: 1 })],
  ['euler-ancestral', eulerAncestral],
  ['dpmpp-2m-sde', dpmpp2mSde],
  ['heun, churn 40', (denoise, xT, options) => heun(denoise, xT, { ...options, churn: 40 })],
];

export async function samplers(): Promise<void> {
  const peer = await startPeer('samplers.py');
  if (typeof peer === 'string') console.log(`without diffusers: ${peer}`);
  else console.log(`diffusers ${String(peer.about['diffusers'])}`);
  const theirs = typeof peer === 'string' ? undefined : peer;

  const ends = [
    ...(await ourEnds()),
    ...(await asked(theirs, 'schedulers', 'end', odeSteps, ({ relativeError }) => relativeError as number)),
  ];
  console.log(
    "|x(0)/exact − 1| after N steps on N(0, ½²): Karras' levels from 80 to 0.002, a flow in equal steps; and the order between the last two",
  );
  print('sampler', odeSteps, ends, (error) => error.toPrecision(3), [
    'order',
    ({ values }) => Math.log2(values.at(-2)! / values.at(-1)!).toFixed(2),
  ]);

  const laws = [
    ...(await ourLaws()),
    ...(await asked(
      theirs,
      'random',
      'law',
      lawSteps,
      ({ std: deviation }) => (deviation as number) / std - 1,
      ({ mean: center }) => center as number,
    )),
  ];
  console.log(
    `how much too wide the images are after N steps, std/½ − 1, on N(0.3, ½²): linear betas, trailing times, ${count} of them (standard error ${(1 / Math.sqrt(2 * count)).toFixed(4)})`,
  );
  print('sampler', lawSteps, laws, (off) => off.toFixed(4));
  console.log(
    `the means of all are within ${Math.max(...laws.flatMap(({ means = [] }) => means.map((center) => Math.abs(center - mean)))).toFixed(4)} of ${mean}`,
  );

  console.log(
    'whether the first image of three is the same drawn again, and alone: with a generator for all, and with one for each',
  );
  const seeds = [...(await ourSeeds()), ...(await theirSeeds(theirs))];
  console.log(layTable([['sampler', 'again', 'alone, one generator', 'alone, its own'], ...seeds]));
  await theirs?.stop();
  console.log(
    JSON.stringify({
      question: 'samplers',
      outcomes: [...ends, ...laws].map(({ name, values }) => ({ case: name, values: rounded(values) })),
    }),
  );
}

async function ourEnds(): Promise<Row[]> {
  const end = async (sampler: Sampler, schedule: NoiseSchedule, times: readonly number[], x: number) => {
    const streams = [{ fillNormal: <A>(out: A) => out }];
    return (
      await drainSampler(
        sampler(gaussianDenoiser(schedule, { mean: 0, std }), float32([1, 1], [x]), {
          schedule,
          timesteps: times,
          streams,
        }),
      )
    ).data[0]!;
  };
  const exact = (sigmaMax * std) / Math.hypot(std, sigmaMax);
  const rows = odeSamplers.map(async ([name, sampler]) => ({
    name: `kuosan ${name}`,
    values: await Promise.all(
      odeSteps.map(async (N) =>
        Math.abs((await end(sampler, edmSchedule(), karrasSigmas(N, { sigmaMin, sigmaMax }), sigmaMax)) / exact - 1),
      ),
    ),
  }));
  // A flow carries x = 1 at t = 1 to the standard deviation of the data.
  const flow = Promise.all(
    odeSteps.map(async (N) => Math.abs((await end(euler, flowSchedule(), flowTimes(N), 1)) / std - 1)),
  );
  return [...(await Promise.all(rows)), { name: 'kuosan euler, a flow', values: await flow }];
}

async function ourLaws(): Promise<Row[]> {
  const schedule = linearSchedule();
  const rows: Row[] = [];
  for (const [name, sampler] of lawSamplers) {
    const values: number[] = [];
    const means: number[] = [];
    for (const N of lawSteps) {
      const streams = [new RandomStream(0, 'sample')];
      const { data } = await drainSampler(
        sampler(gaussianDenoiser(schedule, { mean, std }), initialNoise([1, count], streams), {
          schedule,
          timesteps: timesteps(schedule.T, N, { spacing: 'trailing' }),
          streams,
        }),
      );
      const center = data.reduce((sum, x) => sum + x, 0) / count;
      means.push(center);
      values.push(Math.sqrt(data.reduce((sum, x) => sum + (x - center) ** 2, 0) / count) / std - 1);
    }
    rows.push({ name: `kuosan ${name}`, values, means });
  }
  return rows;
}

/** Ours have one stream an image and nothing else, so the middle column has no meaning for them. */
async function ourSeeds(): Promise<string[][]> {
  const schedule = linearSchedule();
  const first = async (sampler: Sampler, many: number) => {
    const streams = Array.from({ length: many }, (_, i) => new RandomStream(2, 'sample', i));
    const { data } = await drainSampler(
      sampler(gaussianDenoiser(schedule, { mean, std }), initialNoise([many, 8], streams), {
        schedule,
        timesteps: timesteps(schedule.T, 10),
        streams,
      }),
    );
    return [...data.subarray(0, 8)].join(' ');
  };
  return Promise.all(
    lawSamplers.map(async ([name, sampler]) => {
      const three = await first(sampler, 3);
      return [
        `kuosan ${name}`,
        yes(three === (await first(sampler, 3))),
        '–',
        yes(three === (await first(sampler, 1))),
      ];
    }),
  );
}

async function theirSeeds(peer: Peer | undefined): Promise<string[][]> {
  const rows: string[][] = [];
  for (const scheduler of named(peer, 'random')) {
    const answer = await peer!.ask({ ask: 'seed', scheduler });
    rows.push([
      `diffusers ${scheduler}`,
      ...['again', 'oneGenerator', 'ownGenerators'].map((key) =>
        'cannot' in answer ? String(answer['cannot']) : yes(answer[key] === true),
      ),
    ]);
  }
  return rows;
}

async function asked(
  peer: Peer | undefined,
  list: string,
  ask: string,
  steps: readonly number[],
  value: (answer: Record<string, unknown>) => number,
  meanOf?: (answer: Record<string, unknown>) => number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const scheduler of named(peer, list)) {
    const answers: Record<string, unknown>[] = [];
    for (const N of steps) answers.push(await peer!.ask({ ask, scheduler, steps: N }));
    const able = (of: (answer: Record<string, unknown>) => number) =>
      answers.map((answer) => ('cannot' in answer ? Number.NaN : of(answer)));
    rows.push({ name: `diffusers ${scheduler}`, values: able(value), ...(meanOf && { means: able(meanOf) }) });
  }
  return rows;
}

function named(peer: Peer | undefined, list: string): readonly string[] {
  return (peer?.about[list] ?? []) as readonly string[];
}

function yes(same: boolean): string {
  return same ? 'the same' : 'another';
}

function print(
  head: string,
  steps: readonly number[],
  rows: readonly Row[],
  format: (value: number) => string,
  more?: readonly [head: string, of: (row: Row) => string],
): void {
  console.log(
    layTable([
      [head, ...steps.map(String), ...(more ? [more[0]] : [])],
      ...rows.map((row) => [row.name, ...row.values.map(format), ...(more ? [more[1](row)] : [])]),
    ]),
  );
}
