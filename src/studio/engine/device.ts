/** What the visitor may choose to compute on. */
export const devices = ['auto', 'wasm', 'webgpu'] as const;
/** One of `devices`. */
export type StudioDevice = (typeof devices)[number];
