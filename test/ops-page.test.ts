/** docs/ops.md against the code: no op and no function missing, and the operators those that are emitted. */
import { expect, test } from 'vitest';
import { grad, ops, program, sum, type Node } from '../src/core/index.ts';
import { GraphBuilder, valueInfo } from '../src/onnx/builder.ts';
import { standardLowerings, type Lowering } from '../src/onnx/index.ts';
import { opCases } from './op-cases.ts';
import { operandsOf } from './op-check.ts';
import { textOf } from './source-files.ts';

const page = textOf('docs/ops.md');
/** The operators that each op is said to have, by its name: a row may hold several ops with a semicolon between theirs. */
const listed = new Map(
  page
    .split('\n')
    .map((row) => row.split(/(?<!\\)\|/).map((cell) => cell.trim()))
    .filter((cells) => cells.length === 6 && cells[1]!.startsWith('`'))
    .flatMap(([, names, , operators]) => {
      const each = operators!.split(';').map((list) =>
        list
          .split(',')
          .map((name) => name.trim())
          .filter((name) => name !== ''),
      );
      return [...names!.matchAll(/\w+/g)].map(([name], i) => [name, each.length > 1 ? each[i]! : each[0]!] as const);
    }),
);

function operatorsOf(node: Node): string[] {
  const graph = new GraphBuilder();
  const lower = standardLowerings[node.op.name as keyof typeof standardLowerings] as Lowering<unknown>;
  const results = lower(
    graph,
    node.inputs.map((_, i) => `x${i}`),
    node,
  );
  return graph
    .build(
      'node',
      [],
      results.map((name, i) => valueInfo(name, node.outputs[i]!)),
    )
    .node.map(({ opType }) => opType!)
    .filter((name) => name !== 'Reshape');
}

test('every op stands on the page, and nothing else in its tables', () => {
  expect([...listed.keys()].sort()).toEqual(Object.keys(ops).sort());
});

test('the operators of each op are those that its cases and their gradients are lowered to', () => {
  const emitted = new Map(Object.keys(ops).map((name) => [name, new Set<string>()]));
  for (const opCase of opCases) {
    const xs = operandsOf(opCase);
    const y = opCase.build(...xs);
    const gradients = opCase.differentiable === false ? [] : grad(sum(y), xs);
    for (const node of program({ outputs: { y, ...Object.fromEntries(gradients.map((g, i) => [`g${i}`, g])) } })
      .nodes) {
      if (!node.op.source) for (const name of operatorsOf(node)) emitted.get(node.op.name)!.add(name);
    }
  }
  for (const [name, operators] of emitted) expect([...operators].sort(), name).toEqual([...listed.get(name)!].sort());
});

test('every function that makes tensors stands on the page', () => {
  const functions = [...textOf('src/core/index.ts').matchAll(/^export \{([^}]*)\} from '\.\/ops\/(?!index)/gm)]
    .flatMap(([, names]) => names!.split(',').map((name) => name.trim()))
    .filter((name) => name !== '' && !name.startsWith('type '));
  expect(functions.length).toBeGreaterThan(80);
  expect(functions.filter((name) => !new RegExp(`\`${name}[\`(]`).test(page))).toEqual([]);
});
