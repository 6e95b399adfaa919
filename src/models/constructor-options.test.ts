import { expect, test } from 'vitest';
import { CLIPModel, CLIPTextModel, CLIPVisionModel, UNet2DModel } from './index.ts';

const constructors = { UNet2DModel, CLIPModel, CLIPTextModel, CLIPVisionModel } as unknown as Readonly<
  Record<string, new (options: unknown) => object>
>;

test.each(Object.entries(constructors))('%s refuses options that are none in one line', (name, Model) => {
  expect(() => new Model(7)).toThrow(`${name}: expected object, got 7`);
  expect(() => new Model({ layers: 3 })).toThrow(new RegExp(`^${name}: unknown key "layers".*$`));
});
