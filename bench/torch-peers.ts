import type { Side } from './contest.ts';
import { startPeer, type Peer } from './peer.ts';
import type { Settings, Variant } from './question.ts';

/** PyTorch's sides of a question, each variant a process of its own. */
export interface TorchPeers {
  /** By variant. */
  readonly sides: Readonly<Record<string, Side>>;
  stop(): Promise<void>;
}

/** Starts a script of `peers/` in each variant; says on the console what cannot take part and why. */
export async function startTorchPeers(
  script: string,
  options: (threads: number, variant: Variant) => Readonly<Record<string, unknown>>,
  command: string,
  { threads, variants }: Settings,
): Promise<TorchPeers> {
  const peers: Peer[] = [];
  const sides: Record<string, Side> = {};
  for (const variant of variants) {
    const peer = await startPeer(script, options(threads, variant));
    // The first run compiles; what cannot (torch.compile needs a C++ compiler) is found here.
    const trouble =
      typeof peer === 'string'
        ? peer
        : await peer.ask({ cmd: command, repeat: 1 }).then(
            () => undefined,
            (error: Error) => error.message,
          );
    if (typeof peer !== 'string') peers.push(peer);
    if (typeof peer === 'string' || trouble !== undefined) console.log(`without PyTorch's ${variant}: ${trouble}`);
    else sides[variant] = async (repeat) => (await peer.ask({ cmd: command, repeat }))['ms'] as number[];
  }
  return { sides, stop: async () => void (await Promise.all(peers.map((peer) => peer.stop()))) };
}
