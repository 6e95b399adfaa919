/** What a reader allocates: the bytes that it asks for in one piece, and the most that its process held. */
import { readFileSync, writeFileSync } from 'node:fs';

/** Bytes of the largest buffer that was asked for since the last `forgetLargest`, whether or not it was got. */
let largest = 0;

/**
 * Watches every typed array and buffer that is made with a length from now on. Memory that is asked for and never touched does not
 * show in what a process holds, until a smaller machine refuses it.
 */
export function watchAllocations(): void {
  const count = (bytes: number) => {
    if (bytes > largest) largest = bytes;
  };
  const scope = globalThis as unknown as Record<string, unknown>;
  for (const name of [
    'ArrayBuffer',
    'Uint8Array',
    'Int8Array',
    'Uint16Array',
    'Int16Array',
    'Uint32Array',
    'Int32Array',
    'Float32Array',
    'Float64Array',
    'BigInt64Array',
    'BigUint64Array',
  ] as const) {
    const original = globalThis[name] as unknown as { new (...args: unknown[]): object; readonly prototype: object };
    const width = 'BYTES_PER_ELEMENT' in original ? (original.BYTES_PER_ELEMENT as number) : 1;
    const watched = new Proxy(original, {
      construct(target, args: unknown[], newTarget: NewableFunction) {
        const [first] = args;
        if (typeof first === 'number') count(first * width);
        return Reflect.construct(target, args, newTarget) as object;
      },
    });
    scope[name] = watched;
    // Some ask an array for its constructor and compare that.
    Object.defineProperty(original.prototype, 'constructor', { value: watched, writable: true, configurable: true });
  }
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow'] as const) {
    const original = Buffer[name].bind(Buffer) as (size: number, ...rest: unknown[]) => Buffer;
    Object.defineProperty(Buffer, name, {
      value: (size: number, ...rest: unknown[]) => {
        count(size);
        return original(size, ...rest);
      },
    });
  }
}

export function forgetLargest(): void {
  largest = 0;
}

export function largestAllocation(): number {
  return largest;
}

/** Forgets the most that this process held (Linux). */
export function forgetPeak(): void {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // Not everywhere, and not always allowed: the peak then is that of the process's life.
  }
}

/** The most bytes that this process held since `forgetPeak`, and those it holds now; undefined where the system does not say. */
export function heldBytes(): { readonly peak: number; readonly now: number } | undefined {
  try {
    const status = readFileSync('/proc/self/status', 'latin1');
    const of = (name: string) => 1024 * Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)![1]);
    return { peak: of('VmHWM'), now: of('VmRSS') };
  } catch {
    return undefined;
  }
}
