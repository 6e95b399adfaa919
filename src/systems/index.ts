export { systems } from './all.ts';
export { classifierSystem } from './classifier.ts';
export { classifierConfigSchema, type ClassifierConfig, parseClassifierConfig } from './classifier-config.ts';
export { clipSystem } from './clip.ts';
export { configuredRun, type ConfiguredRun } from './configured-run.ts';
export { ddpmSystem } from './ddpm.ts';
export { ddpmConfigSchema, type DdpmConfig, ddpmTrainSchema, parseDdpmConfig } from './ddpm-config.ts';
export { resumableOf, type SchemaSetting, schemaSettings, sectionHeadsOf, switchesOf } from './schema-settings.ts';
export type { ShippedModel, System, SystemConfig } from './system.ts';
