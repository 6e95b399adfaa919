import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { crc32c } from './crc32c.ts';
import { encodeEvent } from './tfevents.ts';

describe('crc32c', () => {
  it('gives the check values of the polynomial', () => {
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
    // RFC 3720, appendix B.4.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new Uint8Array(0))).toBe(0);
  });
});

describe('encodeEvent', () => {
  it("gives the bytes of TensorFlow's own messages", () => {
    const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47);
    const file = Buffer.concat([
      encodeEvent(1_700_000_000.25, { kind: 'version' }),
      encodeEvent(1_700_000_001.5, { kind: 'start', step: 301 }),
      encodeEvent(1_700_000_002, {
        kind: 'values',
        step: 301,
        values: [
          { tag: 'loss', scalar: 0.25 },
          { tag: 'loss by noise/t 0–99', scalar: -1.5 },
        ],
      }),
      encodeEvent(1_700_000_003, {
        kind: 'values',
        step: 2 ** 40,
        values: [{ tag: 'samples', png, width: 300, height: 16, channels: 3 }],
      }),
    ]);
    expect(file).toEqual(readFileSync(new URL('../../test/golden/tfevents.bin', import.meta.url)));
  });
});
