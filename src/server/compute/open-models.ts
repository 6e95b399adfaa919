/** The models that the worker holds: opened once, let go of by a memory budget. */
import { openClip, type Clip } from '../../api/index.ts';
import { openDevice } from '../../api/open-model.ts';
import { folderFiles, isClipFolder, resolveModel } from '../../checkpoint/index.ts';
import type { Executor } from '../../core/index.ts';
import { folderSize } from '../../files/folder-size.ts';
import { openGenerator, type ImageGenerator } from '../../generators/index.ts';
import { imageShapeOf } from '../../pipelines/index.ts';
import type { ServedModel, ModelSource, WorkerOptions } from './messages.ts';

/** A model that is open. */
export type OpenedModel =
  | { readonly kind: 'images'; readonly generator: ImageGenerator; readonly facts: ServedModel }
  | { readonly kind: 'clip'; readonly clip: Clip; readonly facts: ServedModel };

interface Held {
  readonly model: OpenedModel;
  /** What it takes: what the process grew by when it was opened and first used, and no less than its files. */
  bytes: number;
}

/** Models by name, as many as the budget holds. */
export class OpenModels {
  readonly #options: WorkerOptions;
  readonly #sources: ReadonlyMap<string, ModelSource>;
  /** In the order of their last use. */
  readonly #held = new Map<string, Held>();
  #executor: Promise<Executor> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#sources = new Map(options.models.map((source) => [source.name, source]));
  }

  /** The names of those that are open. */
  get names(): string[] {
    return [...this.#held.keys()];
  }

  /** The model, if it is open. */
  peek(name: string): OpenedModel | undefined {
    return this.#held.get(name)?.model;
  }

  /**
   * The model, opened if it is not; others are let go of until the budget holds it. Calls come one after the other.
   *
   * @throws one line if it cannot be opened
   */
  async open(name: string): Promise<OpenedModel> {
    const held = this.#held.get(name);
    if (held) {
      this.#held.delete(name);
      this.#held.set(name, held);
      return held.model;
    }
    const source = this.#sources.get(name);
    if (!source) throw new Error(`internal: no model is called ${JSON.stringify(name)}`);
    const path = await resolveModel(source.source, { kind: ['model', 'clip'] });
    const { bytes: fileBytes, modified } = await folderSize(path);
    await this.#keepWithin(this.#options.memoryBytes - fileBytes);
    const before = process.memoryUsage.rss();
    const model = await this.#openPath(name, path, Math.floor(modified / 1000));
    this.#held.set(name, { model, bytes: Math.max(fileBytes, process.memoryUsage.rss() - before) });
    return model;
  }

  /** Lets go of what was used longest ago, but not of the last one that was used, until the rest fits. */
  async keepWithinBudget(): Promise<void> {
    await this.#keepWithin(this.#options.memoryBytes, 1);
  }

  async #keepWithin(bytes: number, least = 0): Promise<void> {
    for (const [name, { model }] of this.#held) {
      const total = [...this.#held.values()].reduce((sum, held) => sum + held.bytes, 0);
      if (total <= bytes || this.#held.size <= least) return;
      this.#held.delete(name);
      await (model.kind === 'images' ? model.generator.dispose() : model.clip.close());
    }
  }

  async #openPath(name: string, path: string, created: number): Promise<OpenedModel> {
    const { device, threads, spin, batchSize, variant } = this.#options;
    if (await isClipFolder(path)) {
      const clip = await openClip(path, { device, threads, spin, batchSize });
      return { kind: 'clip', clip, facts: { kind: 'clip', name, batchSize, device: clip.device, created } };
    }
    this.#executor ??= openDevice({ device, threads, spin });
    const generator = await openGenerator(await this.#executor, folderFiles(path), { batchSize, variant });
    const [channels] = imageShapeOf(generator.shape);
    if (channels !== 1 && channels !== 3) {
      await generator.dispose();
      throw new Error(`${path}: generates images of ${channels} channels, and image files have 1 or 3`);
    }
    const { shape, takes, defaults, notes } = generator;
    return {
      kind: 'images',
      generator,
      facts: {
        kind: 'images',
        name,
        shape,
        batchSize: generator.batchSize,
        takes,
        defaults,
        notes,
        varies: generator.clip?.seesImages === true,
        device: generator.device,
        created,
      },
    };
  }
}
