/** Modules that the build makes (vite.studio.config.ts). */
declare module 'virtual:preset/smileys-16' {
  import type { SchedulerOptions } from '../diffusion/index.ts';
  import type { UNet2DModel } from '../models/index.ts';

  const preset: {
    readonly data: { readonly size: number };
    readonly model: ConstructorParameters<typeof UNet2DModel>[0];
    readonly scheduler: SchedulerOptions;
    readonly train: {
      readonly learningRate: number;
      readonly warmupSteps: number;
      readonly ema: { readonly decay: number };
      readonly steps: number;
    };
  };
  export default preset;
}
