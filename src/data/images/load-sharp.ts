import type sharp from 'sharp';

/** The decoder of images, loaded with the first one: its library takes a while, and what is cached needs none. */
export async function loadSharp(): Promise<typeof sharp> {
  return (await import('sharp')).default;
}
