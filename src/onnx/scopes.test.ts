import { expect, test } from 'vitest';
import { add, freeze, grad, input, matmul, mul, program, state, sub, sum, type Node } from '../core/index.ts';
import { nodeScopes } from './scopes.ts';

const x = input('x', [2, 3]);
const w = state('params/head.proj.weight', [3, 3]);
const h = matmul(x, w);
const loss = sum(mul(h, h));
const [gradient] = grad(loss, [w]);

/** The scopes of the nodes that compute something, with their ops. */
function scopesOf(p: ReturnType<typeof program>): string[] {
  const found: string[] = [];
  nodeScopes(p).forEach((scope: string, node: Node) => void (node.op.source || found.push(`${scope} ${node.op.name}`)));
  return [...new Set(found)].sort();
}

test('the forward pass, its gradient and the update are told apart, and all belong to the module of the weight', () => {
  const moment = add(mul(mul(state('adam/exp_avg/head.proj.weight', [3, 3]), 0.5), 0.5), gradient!);
  const step = program({ outputs: { loss }, writes: { 'params/head.proj.weight': sub(w, mul(moment, 0.1)) } });
  const scopes = scopesOf(step);
  const phases = (phase: RegExp) => scopes.filter((scope) => phase.test(scope)).map((scope) => scope.split(' ')[1]);
  expect(phases(/^params\/head\.proj /)).toEqual(['matmul', 'mul', 'sum']);
  expect(phases(/^grad\/params\/head\.proj /)).toContain('matmul');
  expect(phases(/^update\/(params|adam\/exp_avg)\/head\.proj /)).toEqual(expect.arrayContaining(['add', 'mul', 'sub']));
  expect(scopes.filter((scope) => !/\/head\.proj \w+$/.test(scope))).toEqual([]);
});

test('a frozen weight keeps its module', () => {
  const frozen = freeze(
    program({ outputs: { h } }),
    new Map([['params/head.proj.weight', { dtype: 'f32', shape: [3, 3], data: new Float32Array(9) }]]),
  );
  expect(scopesOf(frozen)).toEqual(['params/head.proj matmul']);
});
