import { toHuggingFace } from '../src/models/index.ts';
import type { DdpmConfig } from '../src/systems/index.ts';
import type { Settings } from './question.ts';
import { startTorchPeers, type TorchPeers } from './torch-peers.ts';

/** The argument of `peers/unet2d.py` for a configuration of ours. */
export function unetOptions({ model, train }: DdpmConfig, threads: number, variant: string): Record<string, unknown> {
  const { _class_name, _diffusers_version, ...config } = toHuggingFace('UNet2DModel', model);
  return { threads, batch: train.batchSize, variant, config };
}

/** Starts diffusers' network of the same configuration in each variant. */
export function startUNetPeers(
  config: DdpmConfig,
  command: 'train' | 'forward',
  settings: Settings,
): Promise<TorchPeers> {
  return startTorchPeers('unet2d.py', (threads, variant) => unetOptions(config, threads, variant), command, settings);
}
