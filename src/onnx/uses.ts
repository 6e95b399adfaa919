import type { Node, Program, Tensor } from '../core/index.ts';

/** Who takes each value of a program: whether operators may be merged depends on it. */
export class Uses {
  readonly #users = new Map<Tensor, Node[]>();
  readonly #places = new Map<Node, number>();
  readonly #results: ReadonlySet<Tensor>;

  /** @param program  without one, nobody is known to take anything */
  constructor(program?: Program) {
    this.#results = new Set(program ? [...Object.values(program.outputs), ...Object.values(program.writes)] : []);
    program?.nodes.forEach((node, place) => {
      this.#places.set(node, place);
      for (const x of node.inputs) this.#users.set(x, [...this.of(x), node]);
    });
  }

  /** The nodes that take a value. */
  of(x: Tensor): readonly Node[] {
    return this.#users.get(x) ?? [];
  }

  /** True if one node takes a value, once, and nobody else does. */
  isSingle(x: Tensor): boolean {
    return this.of(x).length === 1 && !this.#results.has(x);
  }

  /** True if nobody takes a value any more once a node has it. */
  endsAt(x: Tensor, node: Node): boolean {
    const place = this.#places.get(node) ?? -1;
    return !this.#results.has(x) && this.of(x).every((user) => this.#places.get(user)! <= place);
  }
}
