/** What the folder of a network under a text says of its own. */
import { z } from 'zod';
import type { ModelFacts } from '../checkpoint/browser.ts';
import { upsamplings } from '../diffusion/index.ts';
import type { JsonObject } from '../formats/json-object.ts';
import { parseConfig } from '../models/index.ts';
import { textReadings } from '../pipelines/index.ts';

const factsSchema = z.strictObject({
  /** Tokens of a text, padding included. */
  maxTokens: z.number().int().min(2),
  /** Whether the pooled embedding is added to the time embedding. */
  pooled: z.boolean(),
  fields: z.array(z.strictObject({ name: z.string(), values: z.array(z.string()) })),
  /** How texts are read; see `TextEncoderOptions`. */
  reading: z.enum(textReadings).optional(),
  /** Guidance needs a network that was trained without texts, too. */
  guidance: z.boolean(),
  superResolution: z
    .strictObject({
      factor: z.number().int().min(2),
      upsampling: z.enum(upsamplings),
      maxNoiseLevel: z.number().positive().max(1),
      /** In sampling when nobody says. */
      noiseLevel: z.number().min(0).max(1),
    })
    .optional(),
});

/** What a network under a text is conditioned on, as its folder says in the `settings` of kuosan.json. */
export type TextToImageFacts = z.output<typeof factsSchema>;

/**
 * The facts of a folder.
 *
 * @param file  how messages call it
 * @throws one line that names what is missing or wrong
 */
export function textToImageFacts({ settings }: ModelFacts, file: string): TextToImageFacts {
  return parseConfig(factsSchema, settings?.['textToImage'] ?? {}, `checkpoint ${file}: settings.textToImage`);
}

/** The facts as JSON. */
export function textToImageSettings(facts: TextToImageFacts): JsonObject {
  return { textToImage: facts };
}
