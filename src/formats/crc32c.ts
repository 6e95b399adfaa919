/** The Castagnoli polynomial x³² + x²⁸ + x²⁷ + x²⁶ + x²⁵ + x²³ + …, lowest bit first. */
const polynomial = 0x82f63b78;

/** [256] the remainder of every byte. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte;
  for (let bit = 0; bit < 8; bit++) remainder = remainder & 1 ? (remainder >>> 1) ^ polynomial : remainder >>> 1;
  return remainder;
});

/**
 * The CRC-32C of some bytes, 0 … 2³² − 1; of the digits 1 to 9 it is e3069283.
 *
 * @see RFC 3720, appendix B.4 — https://www.rfc-editor.org/rfc/rfc3720#appendix-B.4
 */
export function crc32c(bytes: Uint8Array): number {
  let remainder = 0xffffffff;
  for (const byte of bytes) remainder = table[(remainder ^ byte) & 255]! ^ (remainder >>> 8);
  return (remainder ^ 0xffffffff) >>> 0;
}
