import type { NoiseStream } from '../src/diffusion/index.ts';

/**
 * Streams of noise recorded elsewhere: at draw n, stream b gives sample b's part of entry n.
 *
 * @param noise  [draws][B · size]
 * @param batch  B
 */
export function recordedStreams(noise: readonly (readonly number[])[], batch: number): NoiseStream[] {
  return Array.from({ length: batch }, () => {
    let draw = 0;
    return {
      fillNormal(out, start = 0, end = out.length) {
        const recorded = noise[draw++]!;
        for (let i = start; i < end; i++) out[i] = recorded[i]!;
        return out;
      },
    };
  });
}
