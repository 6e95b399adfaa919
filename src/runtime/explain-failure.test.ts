import { expect, test } from 'vitest';
import { explainFailure } from './explain-failure.ts';

// As onnxruntime-node 1.30 writes them.
const noAdapter =
  '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n';

test('a failure to open a device is told in a line, with what is missing', () => {
  expect(
    explainFailure(
      'webgpu',
      noAdapter,
      "Warning: Couldn't load Vulkan: libvulkan.so.1: cannot open shared object file: No such file or directory\n    at operator() (BackendVk.cpp:368)\n",
    ),
  ).toBe(
    'no graphics adapter: the Vulkan loader libvulkan.so.1 is missing; install it and the driver of the GPU (Debian and Ubuntu: apt install libvulkan1)',
  );
  expect(
    explainFailure('webgpu', noAdapter, '[Vulkan Loader] ERROR | DRIVER: vkCreateInstance: Found no drivers!\n'),
  ).toMatch(/^no graphics adapter: Vulkan finds no driver; install/);
  expect(
    explainFailure(
      'webgpu',
      noAdapter,
      '[Vulkan Loader] INFO | DRIVER:         Sorted order:\n[Vulkan Loader] INFO | DRIVER:               [0] llvmpipe (LLVM 15.0.6, 256 bits)  \nWarning: Vulkan shaderUniform*ArrayDynamicIndexing required.\n - While initializing adapter (backend=BackendType::Vulkan)\n',
    ),
  ).toBe(
    'no graphics adapter: WebGPU cannot use llvmpipe (LLVM 15.0.6, 256 bits) (Vulkan shaderUniform*ArrayDynamicIndexing required); try a newer driver, or another GPU',
  );
  expect(explainFailure('webgpu', noAdapter, '')).toBe('no graphics adapter; WebGPU needs a GPU and its Vulkan driver');
  expect(
    explainFailure(
      'cuda',
      'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
      '[E:onnxruntime] FAIL : Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file: No such file or directory',
    ),
  ).toBe(
    'libcudnn.so.9 is missing; the CUDA provider needs CUDA 12 and cuDNN 9, where the loader finds them (LD_LIBRARY_PATH)',
  );
});

test('a part of a program that would fall back to the processor is a failure, not a slow success', () => {
  expect(
    explainFailure(
      'cuda',
      'This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.',
      '',
    ),
  ).toBe('the program has an operator that cuda has no kernel for');
});

test('a tensor beyond the limits of an adapter is told as that', () => {
  expect(
    explainFailure(
      'webgpu',
      'WebGPU validation failed. [Invalid Buffer (unlabeled)] is invalid due to a previous error.\n - While ',
      '',
    ),
  ).toBe('a tensor is larger than the largest buffer of this adapter; take a smaller batch');
});

test("other failures keep their words, without places in somebody's sources", () => {
  expect(explainFailure('webgpu', '/onnxruntime_src/onnxruntime/a.cc:1 Out of\n memory', '')).toBe('Out of memory');
});
