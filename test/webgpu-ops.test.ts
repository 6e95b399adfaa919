import { afterAll, describe, expect, test } from 'vitest';
import type { Executor } from '../src/core/index.ts';
import { createNodeExecutor } from '../src/runtime/node.ts';
import { opCases } from './op-cases.ts';
import { expectReference, expectReferenceFarFromZero } from './op-check.ts';
import { skipped, swiftShader } from './swift-shader.ts';

let executor: Executor | undefined;
const open = (): Executor => createNodeExecutor({ device: 'webgpu', env: swiftShader! });
afterAll(() => executor?.dispose());

// One process for all cases. Only an operator that has ended it gets another one for the next.
describe.skipIf(!swiftShader)(`every op on WebGPU, with nothing left to the processor${skipped}`, () => {
  test.for(opCases)('$op $title', { timeout: 120_000 }, async (opCase, { skip }) => {
    executor ??= open();
    try {
      await expectReference(executor, opCase, opCase.differentiable ?? true);
      if (opCase.far !== false) await expectReferenceFarFromZero(executor, opCase, opCase.differentiable ?? true);
    } catch (error) {
      if (/the device does not support it/.test(String(error))) skip('SwiftShader has no 16-bit floats');
      if (/has ended/.test(String(error))) executor = undefined;
      throw error;
    }
  });

  test('one of them ran on the adapter that was asked for', async () => {
    executor ??= open();
    expect(await executor.environment()).toMatchObject({
      provider: 'webgpu',
      adapter: expect.stringContaining('SwiftShader') as string,
    });
  });
});
