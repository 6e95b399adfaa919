/** The process that computes: it holds the models, and does one thing after the other. */
import type { FloatArray } from '../../core/index.ts';
import { ImageError, toBitmaps } from '../../data/index.ts';
import { takeRows } from '../../diffusion/index.ts';
import type { GenerateRequest, ImageGenerator } from '../../generators/index.ts';
import { mergedCall, splitAnswer } from './clip-batch.ts';
import { encodeImage } from './encode-image.ts';
import type {
  BatchProgress,
  ClipAnswer,
  ClipCall,
  ClipOutcome,
  ImageOutput,
  WorkerMessage,
  WorkerOptions,
  WorkerRequest,
} from './messages.ts';
import { OpenModels, type OpenedModel } from './open-models.ts';
import { OrderedFiles } from './ordered-files.ts';

const models = new OpenModels(JSON.parse(process.argv[2]!) as WorkerOptions);
const aborts = new Map<number, AbortController>();

// A server that has ended hears nothing; this process ends with it.
const send = (message: WorkerMessage): void => void process.send!(message, () => {});

/** What was asked is wrong. */
class RequestProblem extends Error {
  constructor(error: unknown) {
    const message = error instanceof Error ? error.message : String(error);
    super(message.replace(/^generate: /, ''), { cause: error });
  }
}

type ServedClipModel = Extract<OpenedModel, { kind: 'clip' }>['clip'];

/** The end of all that was asked before. */
let last: Promise<unknown> = Promise.resolve();

process.on('message', (request: WorkerRequest) => {
  if (request.type === 'abort') return aborts.get(request.id)?.abort(new Error('the request was cancelled'));
  // A model that is open can be asked whether a request fits while it computes another.
  const isReady = request.type === 'check' && models.peek(request.model) !== undefined;
  const work = isReady ? answer(request) : last.then(() => answer(request));
  if (!isReady) last = work;
});

async function answer(request: Exclude<WorkerRequest, { type: 'abort' }>): Promise<void> {
  const { id } = request;
  try {
    const value = await work(request);
    send({ type: 'answer', id, value });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    send({ type: 'error', id, message, isRequest: error instanceof RequestProblem });
  }
  send({ type: 'state', open: models.names, residentBytes: process.memoryUsage.rss() });
}

async function work(request: Exclude<WorkerRequest, { type: 'abort' }>): Promise<unknown> {
  const model = models.peek(request.model) ?? (await models.open(request.model));
  switch (request.type) {
    case 'describe':
      return model.facts;
    case 'check':
      return check(generatorOf(model), request.request);
    case 'generate':
      await models.open(request.model);
      return generate(model, request);
    case 'clip':
      await models.open(request.model);
      if (model.kind !== 'clip') throw new Error('internal: a generator was asked as a CLIP');
      return askClips(model.clip, request.calls);
  }
}

function generatorOf(model: OpenedModel): ImageGenerator {
  if (model.kind !== 'images') throw new Error('internal: a CLIP was asked to generate');
  return model.generator;
}

/** @throws RequestProblem if the request does not fit */
function check(generator: ImageGenerator, request: GenerateRequest): void {
  try {
    generator.check(request);
  } catch (error) {
    throw new RequestProblem(error);
  }
}

/** What to know of each image: what is said of one prompt is no other client's business. */
function notesOfEach({ notesOn }: ImageGenerator, { prompts, negativePrompts }: GenerateRequest, count: number) {
  return Array.from({ length: count }, (_, i) => {
    const own = (list: readonly string[] | undefined) => list && [list[i]!];
    return notesOn?.({ prompts: own(prompts), negativePrompts: own(negativePrompts) }) ?? [];
  });
}

async function generate(
  model: OpenedModel,
  { id, request, isVariation, outputs }: Extract<WorkerRequest, { type: 'generate' }>,
): Promise<void> {
  const generator = generatorOf(model);
  check(generator, request);
  send({ type: 'notes', id, notes: notesOfEach(generator, request, outputs.length) });
  const controller = new AbortController();
  aborts.set(id, controller);
  try {
    const sent = outputs.map(() => 0);
    const files = new OrderedFiles();
    const asked = isVariation ? await ofEmbeddings(generator, request) : request;
    for await (const step of generator.generate({ ...asked, signal: controller.signal })) {
      const { stage, done, total, places, preview, finished } = step;
      const progress: BatchProgress = { stage, done, total, step: step.step, steps: step.steps, places };
      send({ type: 'progress', id, progress });
      for (const [row, place] of places.entries()) {
        const output = outputs[place]!;
        const isPreviewDue = sent[place]! < output.previews && isDue(sent[place]!, step, output);
        const shown = finished ?? (isPreviewDue ? preview : undefined);
        if (!shown) continue;
        const number = finished ? undefined : sent[place]!++;
        files.add(place, encodeRow(shown, row, output), (bytes) =>
          send({ type: 'image', id, image: { place, preview: number, bytes } }),
        );
      }
    }
    await files.done();
  } finally {
    aborts.delete(id);
    await models.keepWithinBudget();
  }
}

/** The request for images with the embeddings of those that it has. */
async function ofEmbeddings(
  { clip }: ImageGenerator,
  { image, ...request }: GenerateRequest,
): Promise<GenerateRequest> {
  return { ...request, embeddings: await clip!.embedImages(image!) };
}

/** Preview j of k comes at the share (j + 1)/(k + 1) of the steps of an image's batch. */
function isDue(number: number, { step, steps }: BatchProgress, { previews }: ImageOutput): boolean {
  return (step + 1) * (previews + 1) >= (number + 1) * steps;
}

function encodeRow(batch: FloatArray, row: number, output: ImageOutput): Promise<Uint8Array> {
  const [bitmap] = toBitmaps(takeRows(batch, [row]));
  return encodeImage(bitmap!, output);
}

/** Answers calls together; where that fails, each alone, so that nobody pays for another's image. */
async function askClips(clip: ServedClipModel, calls: readonly ClipCall[]): Promise<ClipOutcome[]> {
  try {
    const answer = await askClip(clip, mergedCall(calls));
    return splitAnswer(answer, calls).map((own) => ({ answer: own }));
  } catch (error) {
    if (calls.length > 1) {
      const outcomes: ClipOutcome[] = [];
      for (const call of calls) outcomes.push(...(await askClips(clip, [call])));
      return outcomes;
    }
    return [{ problem: (error as Error).message, isRequest: error instanceof RequestProblem }];
  }
}

async function askClip(clip: ServedClipModel, call: ClipCall): Promise<ClipAnswer> {
  if (call.task === 'classify') {
    try {
      const { templates, top } = call;
      return { labels: await clip.classify(call.images, call.labels, { templates, top }) };
    } catch (error) {
      throw new RequestProblem(error);
    }
  }
  const parts: FloatArray[] = [];
  if (call.images.length > 0) parts.push(await clip.embedImages(call.images).catch(unreadable));
  if (call.texts.length > 0) parts.push(await clip.embedTexts(call.texts));
  return {
    embeddings: parts.flatMap(({ shape: [rows, width], data }) =>
      Array.from({ length: rows! }, (_, i) => Float32Array.from(data.subarray(i * width!, (i + 1) * width!))),
    ),
  };
}

/** A file that begins as an image and does not go on as one is the client's. */
function unreadable(error: Error): never {
  throw error.cause instanceof ImageError ? new RequestProblem(error) : error;
}

// Ctrl-C reaches every process of the terminal; the server lets go of this one when it has drained.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
