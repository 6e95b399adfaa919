/** Servers with tiny models, for the tests that ask them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeClipFolder, writeModelFolder } from '../src/checkpoint/index.ts';
import { readTokenizer, trainTokenizer } from '../src/data/index.ts';
import { schedulerConfig } from '../src/diffusion/index.ts';
import { CLIPModel, UNet2DModel } from '../src/models/index.ts';
import { initialValues } from '../src/nn/index.ts';
import {
  openServing,
  serverApp,
  serverMetrics,
  startServer,
  type ServerAppOptions,
  type Serving,
  type ServingOptions,
  type StartedServer,
} from '../src/server/index.ts';
import { tinyModel } from './kuosan.ts';

/** Folders of models that generate 8×8 pixels: `plain`, and `classes` with the classes round and square. */
export async function writeTinyModels(): Promise<{
  readonly plain: string;
  readonly classes: string;
  readonly remove: () => void;
}> {
  const dir = mkdtempSync(join(tmpdir(), 'kuosan-server-'));
  const [plain, classes] = [join(dir, 'plain'), join(dir, 'classes')];
  const config = {
    ...tinyModel,
    blockOutChannels: [16],
    downBlockTypes: ['AttnDownBlock2D' as const],
    upBlockTypes: ['UpBlock2D' as const],
  };
  const unet = new UNet2DModel(config);
  await writeModelFolder(plain, { network: unet, weights: initialValues(unet, 1), scheduler: schedulerConfig() });
  const classed = new UNet2DModel({ ...config, numClassEmbeds: 2 });
  await writeModelFolder(classes, {
    network: classed,
    weights: initialValues(classed, 2),
    scheduler: schedulerConfig(),
    classes: { names: ['round', 'square'], nullClass: null },
  });
  return { plain, classes, remove: () => rmSync(dir, { recursive: true, force: true }) };
}

/** Writes a CLIP of a layer, with a tokenizer of few words. */
export async function writeTinyClip(folder: string): Promise<void> {
  const trained = trainTokenizer(['a cat', 'a heart', 'a rainbow'], { vocabSize: 520 });
  const { vocabSize, bosTokenId, eosTokenId, padTokenId } = readTokenizer(trained.json, 'trained');
  const tower = { hiddenSize: 8, intermediateSize: 8, numHiddenLayers: 1, numAttentionHeads: 1 };
  const clip = new CLIPModel({
    projectionDim: 8,
    textConfig: { ...tower, vocabSize, bosTokenId, eosTokenId, padTokenId },
    visionConfig: { ...tower, imageSize: 8, patchSize: 4 },
  });
  await writeClipFolder(folder, { model: clip, weights: initialValues(clip, 1), tokenizer: trained.json });
}

/** A server on a free port of this machine. */
export interface TestServer extends StartedServer {
  readonly serving: Serving;
}

/** Starts a server over models by name. */
export async function serveModels(
  models: Readonly<Record<string, string>>,
  { app = {}, ...options }: Partial<ServingOptions> & { readonly app?: ServerAppOptions } = {},
): Promise<TestServer> {
  const metrics = serverMetrics();
  const serving = await openServing({
    watch: metrics,
    models: Object.entries(models).map(([name, source]) => ({ name, source })),
    device: 'cpu',
    threads: 1,
    batchSize: 4,
    memoryBytes: 2 ** 30,
    ...options,
  });
  metrics.observe(serving);
  const server = await startServer(
    serverApp(serving, { metrics, ...app }),
    { host: '127.0.0.1', port: 0 },
    serving.limits,
  );
  return {
    ...server,
    serving,
    async close() {
      const closed = server.close();
      await serving.close();
      await closed;
    },
  };
}
