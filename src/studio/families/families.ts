/** The families of generative models: what they are made of, as boxes and arrows. */

/** A box: x and width in the diagram, and what stands in it. */
export interface FamilyBox {
  readonly at: number;
  readonly text: string;
  /** `data` and `noise` are what goes in and out, `net` is what is learned. */
  readonly kind: 'data' | 'noise' | 'net';
}

/** A family, left to right as it generates. */
export interface Family {
  readonly name: 'gan' | 'vae' | 'flow' | 'diffusion' | 'autoregressive';
  readonly boxes: readonly FamilyBox[];
  readonly calls: 'callsOne' | 'callsSteps' | 'callsValues';
  /** Where this project has models of it. */
  readonly here: 'hereDiffusion' | 'hereNone';
}

const chain = (...boxes: readonly (readonly [FamilyBox['kind'], string])[]): FamilyBox[] =>
  boxes.map(([kind, text], i) => ({ at: i, kind, text }));

/** All families; a model of one that the project gets is named in `here`. */
export const families: readonly Family[] = [
  {
    name: 'gan',
    boxes: chain(['noise', 'z'], ['net', 'G'], ['data', 'x'], ['net', 'D']),
    calls: 'callsOne',
    here: 'hereNone',
  },
  {
    name: 'vae',
    boxes: chain(['data', 'x'], ['net', 'q'], ['noise', 'z'], ['net', 'p'], ['data', 'x̂']),
    calls: 'callsOne',
    here: 'hereNone',
  },
  { name: 'flow', boxes: chain(['noise', 'z'], ['net', 'f⁻¹'], ['data', 'x']), calls: 'callsOne', here: 'hereNone' },
  {
    name: 'diffusion',
    boxes: chain(['noise', 'x_T'], ['net', 'ε_θ'], ['noise', 'x_t'], ['net', 'ε_θ'], ['data', 'x₀']),
    calls: 'callsSteps',
    here: 'hereDiffusion',
  },
  {
    name: 'autoregressive',
    boxes: chain(['data', 'x₁'], ['net', 'p'], ['data', 'x₂'], ['net', 'p'], ['data', 'x₃']),
    calls: 'callsValues',
    here: 'hereNone',
  },
];
