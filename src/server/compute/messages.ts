/** What the server and the process that computes say to each other. */
import type { Shape } from '../../core/index.ts';
import type { Sampling } from '../../diffusion/index.ts';
import type { GenerateRequest, GeneratorInputs } from '../../generators/index.ts';
import type { RankedLabel } from '../../pipelines/index.ts';

/** A model as the command line names it: `noto-32`, or `dall-e-2=runs/icons` for another name. */
export interface ModelSource {
  /** What clients call it. */
  readonly name: string;
  /** A run, a checkpoint, a model folder, or the name of a model that comes with the package. */
  readonly source: string;
}

/** How the worker computes. */
export interface WorkerOptions {
  readonly models: readonly ModelSource[];
  readonly device: 'auto' | 'cpu' | 'webgpu' | 'cuda';
  readonly threads: number;
  /** Whether they spin while they wait, default true; see `NodeExecutorOptions`. */
  readonly spin?: boolean | undefined;
  /** Images computed together. */
  readonly batchSize: number;
  /** Bytes that models may take together; the one used longest ago is let go first. */
  readonly memoryBytes: number;
  /** Which of several sets of weights to read, such as `fp16`. */
  readonly variant?: string | undefined;
}

/** What is known of a model that generates images. */
export interface ServedGenerator {
  readonly kind: 'images';
  readonly name: string;
  /** [C, H, W] */
  readonly shape: Shape;
  readonly batchSize: number;
  readonly takes: GeneratorInputs;
  readonly defaults: Readonly<Record<string, Sampling>>;
  readonly notes: readonly string[];
  /** Whether it embeds an image and generates others of the embedding, as DALL·E 2 makes variations. */
  readonly varies: boolean;
  readonly device: string;
  /** When its files were written, in seconds since 1970. */
  readonly created: number;
}

/** What is known of a CLIP. */
export interface ServedClip {
  readonly kind: 'clip';
  readonly name: string;
  readonly batchSize: number;
  readonly device: string;
  readonly created: number;
}

export type ServedModel = ServedGenerator | ServedClip;

/** As what an image is encoded. */
export interface ImageEncoding {
  readonly format: 'png' | 'jpeg' | 'webp';
  /** 0 to 100, of jpeg and webp. */
  readonly quality?: number | undefined;
  /** Width and height that it is resized to; default its own. */
  readonly size?: readonly [width: number, height: number] | undefined;
}

/** What becomes of an image of a batch. */
export interface ImageOutput extends ImageEncoding {
  /** How many images x̂_0 are sent on the way, spread evenly over the steps. */
  readonly previews: number;
}

/** A question to a CLIP; images are files. */
export type ClipCall =
  | {
      readonly task: 'classify';
      readonly images: readonly Uint8Array[];
      readonly labels: readonly string[];
      readonly templates?: readonly string[] | undefined;
      readonly top?: number | undefined;
    }
  | { readonly task: 'embed'; readonly images: readonly Uint8Array[]; readonly texts: readonly string[] };

/** Its answer. */
export interface ClipAnswer {
  /** Of each image, best first. */
  readonly labels?: readonly (readonly RankedLabel[])[];
  /** [N, D] unit vectors, images before texts. */
  readonly embeddings?: readonly Float32Array[];
}

/** What becomes of one of several calls. */
export type ClipOutcome = { readonly answer: ClipAnswer } | { readonly problem: string; readonly isRequest: boolean };

/** What the worker is asked. */
export type WorkerRequest =
  | { readonly type: 'describe'; readonly id: number; readonly model: string }
  | { readonly type: 'check'; readonly id: number; readonly model: string; readonly request: GenerateRequest }
  | {
      readonly type: 'generate';
      readonly id: number;
      readonly model: string;
      readonly request: GenerateRequest;
      /** Whether images are generated of the embedding of the request's image. */
      readonly isVariation: boolean;
      readonly outputs: readonly ImageOutput[];
    }
  /** Calls that share batches; they differ in their images and in the texts that they embed. */
  | { readonly type: 'clip'; readonly id: number; readonly model: string; readonly calls: readonly ClipCall[] }
  | { readonly type: 'abort'; readonly id: number };

/** A step of a batch. */
export interface BatchProgress {
  readonly stage: string;
  readonly done: number;
  readonly total: number;
  readonly step: number;
  readonly steps: number;
  /** The images of the batch that took it. */
  readonly places: readonly number[];
}

/** An image of a batch. */
export interface BatchImage {
  readonly place: number;
  /** Which preview of the image it is, from 0; absent, the image itself. */
  readonly preview?: number | undefined;
  readonly bytes: Uint8Array;
}

/** What the worker answers; the last message of a request is `answer` or `error`. */
export type WorkerMessage =
  /** What to know of each image of a batch, before it is generated. */
  | { readonly type: 'notes'; readonly id: number; readonly notes: readonly (readonly string[])[] }
  | { readonly type: 'progress'; readonly id: number; readonly progress: BatchProgress }
  | { readonly type: 'image'; readonly id: number; readonly image: BatchImage }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | {
      readonly type: 'error';
      readonly id: number;
      readonly message: string;
      /** Whether what was asked is wrong, and not what happened. */
      readonly isRequest: boolean;
    }
  | WorkerState;

/** What the worker holds, sent whenever it changes. */
export interface WorkerState {
  readonly type: 'state';
  /** The names of the models that are open. */
  readonly open: readonly string[];
  readonly residentBytes: number;
}
