/** Image classifiers, whose features compare generated images with real ones. */
import { classifierConfigSchema, parseClassifierConfig, type ClassifierConfig } from './classifier-config.ts';
import type { System } from './system.ts';

/** Image classifiers, listed as `classifier`. */
export const classifierSystem: System<ClassifierConfig> = {
  task: 'classifier',
  trains: 'a classifier, whose features compare images',
  schema: classifierConfigSchema,
  parse: parseClassifierConfig,
  plan: async (config, options) => (await import('./classifier-plan.ts')).planClassifier(config, options),
  ship: async (...asked) => (await import('./classifier-plan.ts')).shipClassifier(...asked),
};
