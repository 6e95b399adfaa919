/**
 * x_T becomes isotropic: whatever the data look like, what is left is N(0, I).
 *
 * Of data with covariance Σ, x_t has the covariance (DDPM, eq. 4)
 *
 *     ᾱ_t Σ + (1 − ᾱ_t) I
 *
 * so both of its axes go to 1, and no direction is left that is longer than another. The data here are a thin line in the plane.
 * isotropic.png shows the points at five times.
 *
 *     npx tsx examples/03-isotropic.ts [points]
 */
import { float32, RandomStream, type FloatArray } from 'kuosan/core';
import { plotMarks, renderFigure, seriesColors, writePng, type Mark, type Point } from 'kuosan/data';
import { linearSchedule, qSample } from 'kuosan/diffusion';

const points = Number(process.argv[2] ?? 1000);
const schedule = linearSchedule();
const random = new RandomStream(0, 'points');

/** A line of slope ½ with a little width: [points, 2]. */
const x0 = float32(
  [points, 2],
  Array.from({ length: points }, () => {
    const along = 1.5 * random.normal();
    return [along, 0.5 * along + 0.1 * random.normal()];
  }).flat(),
);

function covariance({ data }: FloatArray): [xx: number, xy: number, yy: number] {
  const mean = [0, 1].map((axis) => data.reduce((sum, x, i) => (i % 2 === axis ? sum + x : sum), 0) / points);
  const sums: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < points; i++) {
    const [x, y] = [data[2 * i]! - mean[0]!, data[2 * i + 1]! - mean[1]!];
    sums[0] += (x * x) / points;
    sums[1] += (x * y) / points;
    sums[2] += (y * y) / points;
  }
  return sums;
}

/** Lengths of the axes of the ellipse: square roots of the eigenvalues of [[xx, xy], [xy, yy]]. */
function axes([xx, xy, yy]: readonly [number, number, number]): string {
  const [half, spread] = [(xx + yy) / 2, Math.hypot((xx - yy) / 2, xy)];
  return `${Math.sqrt(half + spread).toFixed(3)} and ${Math.sqrt(half - spread).toFixed(3)}`;
}

const times = [-1, 99, 249, 499, 999];
const clean = covariance(x0);
const marks: Mark[] = [];
console.log('   t   ᾱ         axes of the points     ᾱ Σ + (1 − ᾱ) I');
for (const [i, t] of times.entries()) {
  const eps = float32(x0.shape, random.fillNormal(new Float32Array(2 * points)));
  const xt = qSample(schedule, x0, Array<number>(points).fill(t), eps);
  const alphaBar = schedule.alphaBar(t);
  const theory = clean.map((value, k) => alphaBar * value + (k === 1 ? 0 : 1 - alphaBar)) as [number, number, number];
  console.log(`${String(t + 1).padStart(4)}   ${alphaBar.toFixed(5)}   ${axes(covariance(xt))}        ${axes(theory)}`);
  const inside = Array.from({ length: points }, (_, k): Point => [xt.data[2 * k]!, xt.data[2 * k + 1]!]).filter(
    (point) => point.every((v) => Math.abs(v) < 4),
  );
  const axis = { domain: [-4, 4], ticks: [-4, -2, 0, 2, 4] } as const;
  marks.push(
    ...plotMarks({
      at: [50 + i * 230, 60],
      width: 190,
      height: 190,
      title: `t = ${t + 1}`,
      x: axis,
      y: axis,
      series: [],
    }),
    ...inside.map(([x, y]): Mark => ({
      kind: 'dot',
      at: [50 + i * 230 + ((x + 4) / 8) * 190, 250 - ((y + 4) / 8) * 190],
      radius: 1,
      color: seriesColors[0]!,
    })),
  );
}
await writePng('isotropic.png', await renderFigure({ width: 1190, height: 300, marks }));
console.log('isotropic.png: written');
