/** What to know of the model that a run begins with. */
import {
  folderFiles,
  frozenClipFolder,
  readImageEncoder,
  readTrainedPart,
  unclipSchedulerComponent,
} from '../checkpoint/index.ts';
import type { HostArrays } from '../core/index.ts';
import { networkProcess, type NetworkProcess, type SchedulerConfig } from '../diffusion/index.ts';
import { floatsToHalf } from '../formats/half.ts';
import { imageTowerConfig } from '../models/index.ts';
import { startingModel } from '../train/start.ts';
import type { TrainConfig } from '../train/steps/train-config.ts';
import type { FrozenClip } from './frozen-clip.ts';

/** A sentence if the model in the folder predicts something else than the run. */
export function predictionNotes(
  dir: string,
  scheduler: SchedulerConfig,
  { preconditioning: { predicts } }: NetworkProcess,
): string[] {
  const known = networkProcess(scheduler).preconditioning.predicts;
  return known === predicts
    ? []
    : [
        `${dir} predicts ${known}, and this run ${predicts}: the output is retrained; set config.scheduler.predictionType to keep it`,
      ];
}

/**
 * What to know of the model that a part of a DALL·E 2 begins with.
 *
 * @param diffusion  the part that its noise schedule is in, and the run's process; absent where nothing is diffused
 * @throws one line if there is no such model, or its CLIP has embeddings of another width
 */
export async function unclipStartNotes(
  train: TrainConfig,
  clip: FrozenClip,
  diffusion?: { readonly scheduler: string; readonly process: NetworkProcess },
): Promise<string[]> {
  const dir = await startingModel(train, 'model');
  if (dir === undefined) return [];
  try {
    const predicts = diffusion
      ? predictionNotes(
          dir,
          await readTrainedPart(dir, diffusion.scheduler, unclipSchedulerComponent),
          diffusion.process,
        )
      : [];
    return [...(await clipNotes(dir, clip)), ...predicts];
  } catch (error) {
    throw new Error(`config.train.init: ${(error as Error).message}`, { cause: error });
  }
}

async function clipNotes(dir: string, clip: FrozenClip): Promise<string[]> {
  const files = folderFiles(dir);
  const [network, preprocessing] = (await files.has(`${frozenClipFolder}/config.json`))
    ? [frozenClipFolder, frozenClipFolder]
    : ['image_encoder', 'feature_extractor'];
  if (!(await files.has(`${network}/config.json`)))
    return [`${dir} has no image encoder, so nobody checks that it was trained with config.clip.model`];
  const { model, weights } = await readImageEncoder(files, network, preprocessing);
  const { projectionDim } = imageTowerConfig(model);
  if (projectionDim !== clip.width)
    throw new Error(
      `${dir}: was trained on embeddings of ${projectionDim} values, and those of config.clip.model have ${clip.width}; give the CLIP that it was trained with (clip.model)`,
    );
  return haveSameTower(weights, clip.image.weights)
    ? []
    : [`${dir} was trained with another CLIP than config.clip.model, whose embeddings it has to learn anew`];
}

/** Whether two CLIPs see images alike: one may be stored in float16, or have a text tower, too. */
function haveSameTower(a: HostArrays, b: HostArrays): boolean {
  return [...a].every(([name, { data }]) => {
    if (!/^(vision_model|visual_projection)\./.test(name)) return true;
    const other = b.get(name)?.data;
    if (other?.length !== data.length) return false;
    const [ours, theirs] = [floatsToHalf(data as Float32Array), floatsToHalf(other as Float32Array)];
    return ours.every((value, i) => value === theirs[i]);
  });
}
