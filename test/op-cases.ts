/** One list of cases for every op: the reference, its gradient and each engine are all held against it. */
import { imageCases } from './op-cases/images.ts';
import { normCases } from './op-cases/norm.ts';
import type { OpCase } from './op-cases/op-case.ts';
import { pointwiseCases } from './op-cases/pointwise.ts';
import { productCases } from './op-cases/products.ts';
import { randomCases } from './op-cases/random.ts';
import { reduceCases } from './op-cases/reduce.ts';
import { structureCases } from './op-cases/structure.ts';

export const opCases: readonly OpCase[] = [
  ...structureCases,
  ...pointwiseCases,
  ...reduceCases,
  ...productCases,
  ...normCases,
  ...imageCases,
  ...randomCases,
];
