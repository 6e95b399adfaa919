import { expect, test } from 'vitest';
import { blockedKernelsAgree, probeBlockSize } from './cpu-kernels.ts';

test('the probe finds a block size whose kernels agree with standard operators, or none', async () => {
  const block = await probeBlockSize();
  expect([null, 8, 16]).toContain(block);
  if (block !== null) expect(await blockedKernelsAgree(block)).toBe(true);
});

test('kernels of another block size are refused', async () => {
  const block = await probeBlockSize();
  expect(await blockedKernelsAgree(block === 8 ? 16 : 8)).toBe(false);
});
