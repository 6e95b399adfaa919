export * from './ddpm.ts';
