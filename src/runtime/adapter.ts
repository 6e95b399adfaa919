/** Which graphics adapter an engine computes on. ONNX Runtime does not say; the loader of the driver does. */
import { existsSync, readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Environment } from '../core/index.ts';

/** A graphics adapter, as an environment records it. */
export interface Adapter {
  /** The device's name as its driver gives it, or what is known of it. */
  readonly adapter: string;
  /** The driver's file, or null where the platform does not say. */
  readonly driver: string | null;
}

/**
 * The adapter in use.
 *
 * @param log  what the process has written while it opened the device, with VK_LOADER_DEBUG=driver: the Vulkan loader
 *   ends it with `Using "SwiftShader Device" with driver: "/usr/lib/libvk_swiftshader.so"`
 */
export function readAdapter(log: string, platform: NodeJS.Platform = process.platform): Adapter {
  const used = [...log.matchAll(/Using "(.*)" with driver: "(.*)"/g)].at(-1);
  if (used) return { adapter: used[1]!, driver: used[2]! };
  // Apple's processors have their graphics on the same chip, under the same name.
  const chip = cpus()[0]?.model ?? '';
  if (platform === 'darwin') return { adapter: chip.startsWith('Apple') ? chip : 'a Metal adapter', driver: null };
  return { adapter: platform === 'win32' ? 'a Direct3D adapter' : 'an unnamed adapter', driver: null };
}

/** The adapter that an executor's environment records; where it names none, an unnamed one. */
export function recordedAdapter({ adapter, driver }: Environment): Adapter {
  return {
    adapter: typeof adapter === 'string' ? adapter : 'an unnamed adapter',
    driver: typeof driver === 'string' ? driver : null,
  };
}

/** True for adapters that only imitate a GPU on the processor: right, and many times slower than its own kernels. */
export function isSoftware({ adapter, driver }: Adapter): boolean {
  return (
    /swiftshader|llvmpipe|lavapipe|softpipe|software|basic render|warp|\bcpu\b/i.test(adapter) ||
    /swiftshader|_lvp|lavapipe/i.test(driver ?? '')
  );
}

/** False where no driver offers a GPU, so that none has to be opened. */
export function mayHaveGpu(platform: NodeJS.Platform = process.platform): boolean {
  if (platform !== 'linux') return platform === 'darwin' || platform === 'win32';
  const rendering = existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
  return rendering || existsSync('/dev/nvidiactl') || existsSync('/dev/dxg'); // the last one under Windows
}
