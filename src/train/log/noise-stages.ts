import type { NetworkTimes } from '../../diffusion/index.ts';
import { plotLossByNoise } from './noise-figure.ts';
import { NoiseMeans, type LossByNoise } from './noise-levels.ts';

/** Curves of the figure: the quarters of a run. */
const stageCount = 4;

/** The loss by level of noise in each quarter of a run, and its figure. */
export class NoiseStages {
  /** Where the figure is drawn. */
  readonly path: string;
  readonly #steps: number;
  readonly #times: NetworkTimes;
  readonly #stages = Array.from({ length: stageCount }, () => new NoiseMeans());
  readonly #irreducibleLoss: (() => Promise<LossByNoise>) | undefined;
  #knownIrreducibleLoss: Promise<LossByNoise> | undefined;
  #step: number;

  /**
   * @param step   steps done
   * @param steps  of the whole run
   * @param times  the range of the network's times
   * @param irreducibleLoss  by noise level; computed once, when the figure is first drawn
   */
  constructor(
    path: string,
    {
      step,
      steps,
      times,
      irreducibleLoss,
    }: {
      readonly step: number;
      readonly steps: number;
      readonly times: NetworkTimes;
      readonly irreducibleLoss?: (() => Promise<LossByNoise>) | undefined;
    },
  ) {
    this.path = path;
    this.#step = step;
    this.#steps = steps;
    this.#times = times;
    this.#irreducibleLoss = irreducibleLoss;
  }

  /** Counts a step that was done. */
  add(step: number, losses: LossByNoise): void {
    this.#step = Math.max(this.#step, step);
    this.#stages[this.#stageOf(step)]!.add(losses);
  }

  /** The mean losses of the quarter that the last step belongs to. */
  get losses(): LossByNoise {
    return this.#stages[this.#stageOf(this.#step)]!.means();
  }

  /**
   * Draws the figure as it stands.
   *
   * @throws WriteError if it cannot be written
   */
  async draw(): Promise<void> {
    const stages = this.#stages.slice(0, this.#stageOf(this.#step) + 1).map((stage, i) => {
      const [from, to] = [
        Math.floor((i * this.#steps) / stageCount) + 1,
        Math.min(Math.floor(((i + 1) * this.#steps) / stageCount), this.#step),
      ];
      return {
        label: `${i === 0 ? 'steps ' : ''}${from.toLocaleString('en-US')}–${to.toLocaleString('en-US')}`,
        levels: stage.means(),
      };
    });
    await plotLossByNoise(
      this.path,
      stages,
      this.#times,
      await (this.#knownIrreducibleLoss ??= this.#irreducibleLoss?.()),
    );
  }

  #stageOf(step: number): number {
    return Math.min(stageCount - 1, Math.max(0, Math.ceil((step * stageCount) / this.#steps) - 1));
  }
}
