import { isAbsolute, join } from 'node:path';
import { captionsOf, metadataColumns, imageBatches, takeListed, type Dataset } from '../../data/index.ts';
import { openData } from '../open-data.ts';
import { likeliestGroup, zeroShotAccuracy, zeroShotClassifier, type RankedLabel } from '../../pipelines/index.ts';
import type { DeviceOptions } from '../device-options.ts';
import { mostTogether, readClip, sayTruncated } from '../clip/open-clip.ts';
import { templatesOption, UsageError } from '../options.ts';
import { createProgress } from '../progress.ts';
import type { StartedEngine } from '../with-engine.ts';

/** The options of `kuosan zero-shot`. */
export interface ZeroShotOptions extends DeviceOptions {
  readonly data: string;
  readonly files?: string;
  readonly among: 'all' | 'files';
  readonly template: readonly string[];
  readonly tags: boolean;
  readonly group?: string;
  readonly json: boolean;
  readonly tta: boolean;
  readonly skipBad: boolean;
}

/**
 * Prints how often the right caption is the best, and among the five best, of all.
 *
 * @throws one line if the images have neither captions nor classes, or two captions are the same to the model
 */
export async function runZeroShot(
  source: string,
  { data, files, among, template, tags, group, json, tta, skipBad }: ZeroShotOptions,
  engine: StartedEngine,
  print: (line: string) => void,
): Promise<void> {
  const templates = templatesOption(template);
  if (among === 'files' && files === undefined)
    throw new UsageError('--among files: there is no list; give it with --files');
  const { model, preprocessing, open } = await readClip(source, tta);
  const whole = await openData(data, {
    size: model.config.visionConfig.imageSize,
    channels: 3,
    resample: preprocessing?.resample,
    skipBad,
  });
  const asked = files === undefined ? whole : await takeListed(whole, files);
  const right = captionsOf(asked);
  const captions = [...new Set(captionsOf(among === 'all' ? whole : asked))];
  const groups = group === undefined ? undefined : await groupsOf(data, whole, asked, captions, group);

  const ranked: RankedLabel[][] = [];
  const likeliest: string[] = [];
  let progress: ReturnType<typeof createProgress> | undefined;
  await open(await engine(), mostTogether, async (encoder) => {
    const classifier = await zeroShotClassifier(
      encoder,
      captions,
      templates,
      tags ? { tags: tagsOf(whole, captions) } : {},
    );
    sayTruncated(classifier.truncated, encoder.contextLength);
    for (const { images, first, count } of imageBatches(asked, mostTogether)) {
      for (const all of classifier
        .classify(await encoder.embedImages(images), groups ? captions.length : 5)
        .slice(0, count)) {
        ranked.push(all.slice(0, 5));
        if (groups) likeliest.push(likeliestGroup(all, groups.ofCaption));
      }
      (progress ??= createProgress('images', asked.count)).update(first + count, 'named');
    }
  }).finally(() => progress?.stop());

  const result = {
    images: asked.count,
    captions: captions.length,
    top1: zeroShotAccuracy(ranked, right, 1),
    top5: zeroShotAccuracy(ranked, right, 5),
    // Under a name of its own: a key of the metadata may be called like one of these.
    ...(groups && {
      group: { [groups.key]: share(ranked.map(([best], i) => groups.ofCaption[best!.index] === groups.ofImage[i])) },
      likeliestGroup: { [groups.key]: share(likeliest.map((found, i) => found === groups.ofImage[i])) },
    }),
  };
  if (json) return print(JSON.stringify(result));
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`;
  print(
    `${asked.count.toLocaleString('en-US')} images of ${data}${files === undefined ? '' : ` (${files})`}, ${captions.length.toLocaleString('en-US')} captions to choose from`,
  );
  print(
    `top-1 ${percent(result.top1)}, top-5 ${percent(result.top5)}; by chance ${percent(1 / captions.length)} and ${percent(Math.min(1, 5 / captions.length))}`,
  );
  if (groups) {
    const chance = share(groups.ofImage.flatMap((name) => groups.ofCaption.map((other) => other === name)));
    print(
      `right ${groups.key} ${percent(result.group![groups.key]!)} by the best caption, ${percent(result.likeliestGroup![groups.key]!)} by the probabilities of all; by chance ${percent(chance)}`,
    );
  }
}

/** The tags of each caption: those of the first image that has it. */
function tagsOf(whole: Dataset, captions: readonly string[]): (readonly string[])[] {
  if (!whole.tags) throw new UsageError(`--tags: the lines of metadata.jsonl of ${whole.name} have none`);
  const places = new Map(
    captionsOf(whole)
      .map((caption, i) => [caption, i] as const)
      .toReversed(),
  );
  return captions.map((caption) => whole.tags![places.get(caption)!]!);
}

function share(hits: readonly boolean[]): number {
  return hits.filter(Boolean).length / hits.length;
}

/** What a key of the metadata says. */
interface Groups {
  readonly key: string;
  readonly ofImage: readonly string[];
  readonly ofCaption: readonly string[];
}

/** The groups of the images that are asked about, and of the captions to choose from. */
async function groupsOf(
  folder: string,
  whole: Dataset,
  asked: Dataset,
  captions: readonly string[],
  key: string,
): Promise<Groups> {
  const [column] = await metadataColumns(isAbsolute(folder) ? folder : join(process.cwd(), folder), whole.ids, [key]);
  const groupOf = (id: string): string => {
    const found = column.get(id);
    if (found === undefined) throw new UsageError(`--group: ${id} has no ${JSON.stringify(key)} in metadata.jsonl`);
    return found;
  };
  const byCaption = new Map(captionsOf(whole).map((caption, i) => [caption, whole.ids[i]!]));
  return {
    key,
    ofImage: asked.ids.map(groupOf),
    ofCaption: captions.map((caption) => groupOf(byCaption.get(caption)!)),
  };
}
