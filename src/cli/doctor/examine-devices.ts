import type { Executor } from '../../core/index.ts';
import { isSoftware, recordedAdapter } from '../../runtime/adapter.ts';
import { cudaInstallCommand, cudaMissing, hasNvidiaDriver } from '../../runtime/cuda.ts';
import { compareDevices } from '../../runtime/device-check.ts';
import { createNodeExecutor, openNodeExecutor } from '../../runtime/node.ts';
import { reasonAgainst } from '../../runtime/open-node-executor.ts';
import { missing, type Finding } from './finding.ts';

/** What an engine can compute on here, and what `--device auto` takes. */
export async function examineDevices({
  threads,
}: {
  threads: number;
}): Promise<{ readonly findings: readonly Finding[]; readonly auto: string }> {
  const processor = createNodeExecutor({ threads });
  try {
    const kernels = await examineKernels(processor);
    const card = await examineGpu(processor);
    return { findings: [...kernels, card.finding, await examineCuda()], auto: card.chosen ?? processor.device };
  } finally {
    await processor.dispose();
  }
}

async function examineKernels(processor: Executor): Promise<Finding[]> {
  const { engine, kernelBlock } = await processor.environment();
  return [
    { name: 'ONNX Runtime', status: 'ok', text: String(engine) },
    kernelBlock === null
      ? { name: 'kernels', status: 'limited', text: 'standard: this build of ONNX Runtime has no blocked convolutions' }
      : { name: 'kernels', status: 'ok', text: `blocked convolutions, ${kernelBlock} channels to a block` },
  ];
}

async function examineGpu(processor: Executor): Promise<{ finding: Finding; chosen?: string }> {
  const name = 'WebGPU';
  let card: Executor;
  try {
    card = await openNodeExecutor({ device: 'webgpu' });
  } catch (error) {
    return { finding: missing(name, withoutFrame(error)) };
  }
  try {
    const known = recordedAdapter(await card.environment());
    const { adapter } = known;
    if (isSoftware(known))
      return {
        finding: {
          name,
          status: 'limited',
          text: `${adapter}: a software adapter; only --device webgpu takes it`,
          remedy: 'a real one needs a GPU and its Vulkan driver',
        },
      };
    const shown = await compareDevices(card, processor);
    const against = reasonAgainst(known, shown);
    if (against !== undefined)
      return { finding: { name, status: 'limited', text: `${against}; only --device webgpu takes it` } };
    return {
      finding: {
        name,
        status: 'ok',
        text: `${adapter}: ${shown.speedup.toPrecision(2)} times as fast as the processor in a small step of training (experimental)`,
      },
      chosen: card.device,
    };
  } catch (error) {
    return { finding: missing(name, withoutFrame(error)) };
  } finally {
    await card.dispose();
  }
}

async function examineCuda(): Promise<Finding> {
  const name = 'CUDA';
  if (!hasNvidiaDriver())
    return {
      name,
      status: 'missing',
      text: 'no NVIDIA driver',
      remedy: `with an NVIDIA GPU on Linux: its driver, CUDA 12, cuDNN 9, and ${cudaInstallCommand}`,
    };
  const reason = cudaMissing();
  if (reason) return missing(name, reason);
  try {
    await (await openNodeExecutor({ device: 'cuda' })).dispose();
    return { name, status: 'ok', text: '--device cuda takes it (experimental)' };
  } catch (error) {
    return missing(name, withoutFrame(error));
  }
}

/** A device's error without the device's name before it and the other device behind it, which the table says already. */
function withoutFrame(error: unknown): string {
  return (error as Error).message.replace(/^\w+: /, '').replace(/; --device cpu computes on the processor$/, '');
}
