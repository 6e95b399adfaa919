/** Height and width in pixels, as diffusers' `sample_size` says them: one number where they are equal. */
export type ImageSize = number | readonly [height: number, width: number];

/** Both extents. */
export function heightAndWidth(size: ImageSize): readonly [height: number, width: number] {
  return typeof size === 'number' ? [size, size] : size;
}

/** `32×32`, `24×40`: width first, as people say it. */
export function describeSize(size: ImageSize): string {
  const [height, width] = heightAndWidth(size);
  return `${width}×${height}`;
}
