import { toHuggingFace } from '../src/models/index.ts';
import type { DdpmConfig } from '../src/train/index.ts';
import type { Side } from './contest.ts';
import { startPeer, type Peer } from './peer.ts';
import type { Settings } from './question.ts';

/** PyTorch's sides of a question about a U-Net, each variant a process of its own. */
export interface UNetPeers {
  /** By variant. */
  readonly sides: Readonly<Record<string, Side>>;
  stop(): Promise<void>;
}

/** The argument of `peers/unet2d.py` for a configuration of ours. */
export function unetOptions({ model, train }: DdpmConfig, threads: number, variant: string): Record<string, unknown> {
  const { _class_name, _diffusers_version, ...config } = toHuggingFace('UNet2DModel', model);
  return { threads, batch: train.batchSize, variant, config };
}

/** Starts diffusers' network of the same configuration in each variant; says on the console what cannot take part and why. */
export async function startUNetPeers(config: DdpmConfig, command: 'train' | 'forward', { threads, variants }: Settings): Promise<UNetPeers> {
  const peers: Peer[] = [];
  const sides: Record<string, Side> = {};
  for (const variant of variants) {
    const peer = await startPeer('unet2d.py', unetOptions(config, threads, variant));
    // The first run compiles; what cannot (torch.compile needs a C++ compiler) is found here.
    const trouble = typeof peer === 'string' ? peer : await peer.ask({ cmd: command, repeat: 1 }).then(() => undefined, (error: Error) => error.message);
    if (typeof peer !== 'string') peers.push(peer);
    if (typeof peer === 'string' || trouble !== undefined) console.log(`without PyTorch's ${variant}: ${trouble}`);
    else sides[variant] = async (repeat) => (await peer.ask({ cmd: command, repeat }))['ms'] as number[];
  }
  return { sides, stop: async () => void await Promise.all(peers.map((peer) => peer.stop())) };
}
