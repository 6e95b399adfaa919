import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { skipped, swiftShader } from '../../test/swift-shader.ts';
import { isSoftware, readAdapter } from './adapter.ts';
import { cudaMissing } from './cuda.ts';
import { compareDevices, tolerableError } from './device-check.ts';
import { createNodeExecutor, openNodeExecutor } from './node.ts';
import { onnxRuntimeVersion } from './onnx-runtime.ts';
import { reasonAgainst } from './open-node-executor.ts';

const card = { adapter: 'A Card', driver: null };

test('a card is chosen if it is right and at least twice as fast', () => {
  expect(reasonAgainst(card, { error: 1e-5, speedup: 8 })).toBeUndefined();
  expect(reasonAgainst(card, { error: 1e-5, speedup: 1.9 })).toBe('A Card is 1.9 times as fast as the processor');
  expect(reasonAgainst(card, { error: 0.5, speedup: 8 })).toBe(
    'A Card computes other numbers than the processor (off by 0.50)',
  );
  // Not a number is never right, nor fast.
  expect(reasonAgainst(card, { error: NaN, speedup: 8 })).toContain('other numbers');
  expect(reasonAgainst(card, { error: 0, speedup: NaN })).toContain('times as fast');
});

test('the adapter in use is the last one that the Vulkan loader names', () => {
  const line = (name: string, driver: string) =>
    `[Vulkan Loader] DRIVER:                Using "${name}" with driver: "${driver}"\n`;
  expect(
    readAdapter(
      line('llvmpipe (LLVM 15.0.6, 256 bits)', 'libvulkan_lvp.so') +
        line('NVIDIA GeForce RTX 4070', 'libGLX_nvidia.so.0'),
      'linux',
    ),
  ).toEqual({ adapter: 'NVIDIA GeForce RTX 4070', driver: 'libGLX_nvidia.so.0' });
  expect(readAdapter('nothing', 'linux')).toEqual({ adapter: 'an unnamed adapter', driver: null });
});

test.each([
  ['SwiftShader Device (Subzero)', 'libvk_swiftshader.so', true],
  ['llvmpipe (LLVM 15.0.6, 256 bits)', 'libvulkan_lvp.so', true],
  ['Microsoft Basic Render Driver', null, true],
  ['NVIDIA H100 80GB HBM3', 'libGLX_nvidia.so.0', false],
  ['AMD Radeon RX 7900 XTX (RADV NAVI31)', 'libvulkan_radeon.so', false],
  ['Intel(R) Arc(tm) Graphics (MTL)', 'libvulkan_intel.so', false],
  ['Apple M2', null, false],
])('%s is an imitation: %#', (adapter, driver, imitation) => {
  expect(isSoftware({ adapter, driver })).toBe(imitation);
});

test('CUDA that is not installed is a line with the command that installs it', async () => {
  expect(cudaMissing('darwin', 'arm64')).toBe('ONNX Runtime has CUDA for Linux on x64 alone, this is darwin on arm64');
  const missing = cudaMissing('linux', 'x64', 'no such folder');
  expect(missing).toMatch(
    /^ONNX Runtime's CUDA provider is not installed; npm i onnxruntime-node@\d+\.\d+\.\d+ && node node_modules\/onnxruntime-node\/script\/install downloads it, and it needs CUDA 12 and cuDNN 9$/,
  );
  expect(cudaMissing('linux', 'x64', undefined)).toBe(missing);
  if (cudaMissing() !== null)
    await expect(openNodeExecutor({ device: 'cuda' })).rejects.toThrow(
      `cuda: ${cudaMissing()}; --device cpu computes on the processor`,
    );
});

test('CUDA of another version of ONNX Runtime is a line with the command that installs the right one', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kuosan-cuda-'));
  try {
    mkdirSync(join(folder, 'bin/napi-v6/linux/x64'), { recursive: true });
    writeFileSync(join(folder, 'bin/napi-v6/linux/x64/libonnxruntime_providers_cuda.so'), '');
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: '1.20.0' }));
    expect(cudaMissing('linux', 'x64', folder)).toMatch(
      /^onnxruntime-node 1\.20\.0 is installed, and CUDA needs \d+\.\d+\.\d+; npm i /,
    );
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ version: onnxRuntimeVersion }));
    expect(cudaMissing('linux', 'x64', folder)).toBeNull();
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test.skipIf(process.platform !== 'linux')(
  'a GPU that is not there is a line with a hint (elsewhere there always is one)',
  async () => {
    await expect(
      openNodeExecutor({ device: 'webgpu', env: { VK_ICD_FILENAMES: '/none.json', VK_DRIVER_FILES: '/none.json' } }),
    ).rejects.toThrow(/^webgpu: no graphics adapter.*; .+; --device cpu computes on the processor$/);
  },
);

test.skipIf(!swiftShader)(
  `auto leaves an adapter in software alone; who asks for it gets it, and is told${skipped}`,
  async () => {
    const notes: string[] = [];
    const env = swiftShader!;
    const chosen = await openNodeExecutor({ env, threads: 1, note: (line) => notes.push(line) });
    expect([chosen.device, notes]).toEqual(['cpu (1 thread)', []]);
    const asked = await openNodeExecutor({ device: 'webgpu', env, note: (line) => notes.push(line) });
    expect(asked.device).toMatch(/^webgpu \(SwiftShader.*, experimental\)$/);
    expect(notes).toEqual([expect.stringMatching(/^SwiftShader.* only imitates a GPU/)]);
    await Promise.all([chosen.dispose(), asked.dispose()]);
  },
);

test.skipIf(!swiftShader)(
  `the check finds WebGPU right, and in software not worth it${skipped}`,
  { timeout: 120_000 },
  async () => {
    const [device, reference] = [
      createNodeExecutor({ device: 'webgpu', env: swiftShader! }),
      createNodeExecutor({ threads: 1 }),
    ];
    const { error, speedup } = await compareDevices(device, reference, { batch: 2, channels: 16, side: 8 });
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThan(tolerableError);
    expect(speedup).toBeLessThan(2);
    await Promise.all([device.dispose(), reference.dispose()]);
  },
);
