/** What a run of CLIP says of its captions before it begins. */
import { fillTemplate, mostTags, type Dataset, type Tokenizer } from '../data/index.ts';

/** What is said of images in a run, and how much of it is read. */
export interface CaptionSettings {
  readonly tokenizer: Tokenizer;
  /** Tokens that the model reads. */
  readonly length: number;
  readonly templates: readonly string[];
  readonly tagShare: number;
  /** Whether captions are the names of classes. */
  readonly classes: boolean;
  /** Images of one update. */
  readonly batch: number;
}

/**
 * What to know, one sentence each: captions that are cut, that are alike to the model, and that come more than once in an update.
 *
 * @param training  with a caption for each image
 * @param test      held-out images with captions, which are measured with these alone
 */
export function captionNotes(training: Dataset, test: Dataset | undefined, said: CaptionSettings): string[] {
  return [...cutNotes(training, test, said), ...alikeNotes(training, said), ...repeatNotes(training, said)];
}

function cutNotes(
  { captions = [], tags }: Dataset,
  test: Dataset | undefined,
  { tokenizer, length, templates, tagShare }: CaptionSettings,
): string[] {
  const lengthOf = remembered((text) => tokenizer.encode(text).length);
  const template = longestOf(templates, (each) => lengthOf(fillTemplate(each, '')));
  const isCut = (caption: string) => lengthOf(fillTemplate(template, caption)) > length;
  const cut = [...new Set(captions)].filter(isCut).length;
  const withTags =
    tagShare === 0 || !tags
      ? 0
      : captions.filter((caption, i) => {
          const longest = tags[i]!.toSorted((a, b) => lengthOf(b) - lengthOf(a)).slice(0, mostTags);
          return !isCut(caption) && lengthOf([fillTemplate(template, caption), ...longest].join(', ')) > length;
        }).length;
  const cutInTest = [...new Set(test?.captions ?? [])].filter((caption) => lengthOf(caption) > length).length;

  const as = template === '{}' ? '' : `, said as ${JSON.stringify(template)},`;
  const hint = 'model.textConfig.maxPositionEmbeddings says how many are read';
  return [
    ...(cut === 0
      ? []
      : [
          `${cut === 1 ? '1 caption is' : `${cut} captions are`} longer than ${length} tokens${as} and ${cut === 1 ? 'loses its' : 'lose their'} end; ${hint}`,
        ]),
    ...(withTags === 0
      ? []
      : [
          `with tags the captions of ${withTags} ${withTags === 1 ? 'image' : 'images'}${cut === 0 ? '' : ' more'} can be longer than ${length} tokens${as} and lose some of the tags; ${hint}`,
        ]),
    ...(cutInTest === 0
      ? []
      : [
          `${cutInTest === 1 ? '1 caption' : `${cutInTest} captions`} of the held-out images ${cutInTest === 1 ? 'is' : 'are'} longer than ${length} tokens and ${cutInTest === 1 ? 'loses its' : 'lose their'} end`,
        ]),
  ];
}

function alikeNotes({ captions = [] }: Dataset, { tokenizer, length, templates }: CaptionSettings): string[] {
  // The longest template leaves the least room.
  const template = longestOf(templates, (each) => tokenizer.encode(fillTemplate(each, '')).length);
  const groups = sameTokens(tokenizer, new Set(captions), length, template).filter((group) => group.length > 1);
  const [first] = groups;
  if (!first) return [];
  const count = groups.reduce((sum, { length: size }) => sum + size, 0);
  const hint = first.some((caption) => tokenizer.encode(caption).join() !== tokenizer.encode(first[0]!).join())
    ? 'raise model.textConfig.maxPositionEmbeddings, or shorten them'
    : 'write them in one way';
  return [
    `${count} captions have the same tokens as another, such as ${JSON.stringify(first[0])} and ${JSON.stringify(first[1])}, and are each other's negatives; ${hint}`,
  ];
}

function repeatNotes({ captions = [] }: Dataset, { batch, classes }: CaptionSettings): string[] {
  const different = new Set(captions).size;
  if (batch <= different) return [];
  const { accuracy, loss } = perfectInBatch(batch, different);
  // Classes are few, and updates as small as that would learn little from each.
  const hint = classes ? '' : '; smaller updates (--batch-size, --train.gradientAccumulation) are without';
  return [
    `an update sees ${batch} images and there are only ${different} different captions: duplicates are each other's negatives, and a perfect model has about ${(100 * accuracy).toFixed(1)} % right in the batch and a loss of ${loss.toFixed(2)}${hint}`,
  ];
}

/**
 * What a model shows that knows every caption, where captions stand in a batch more than once and as evenly as can be: of m images with
 * one caption, each text fits all alike.
 *
 *     accuracy = mean of 1/m = C / B        loss = mean of ln m, in nats
 *
 * @param batch     B
 * @param captions  C ≤ B different ones
 */
export function perfectInBatch(batch: number, captions: number): { readonly accuracy: number; readonly loss: number } {
  const least = Math.floor(batch / captions);
  const more = batch % captions;
  const part = (count: number, times: number) => (count * times * Math.log(times)) / batch;
  return { accuracy: captions / batch, loss: part(more, least + 1) + part(captions - more, least) };
}

/**
 * Texts in groups of the same tokens, as the model reads them: "Cat" and "cat", or long ones that differ behind its end.
 *
 * @param length    tokens that the model reads
 * @param template  in which they are said
 * @returns the groups in the order of their first texts
 */
export function sameTokens(tokenizer: Tokenizer, texts: Iterable<string>, length: number, template = '{}'): string[][] {
  const groups = new Map<string, string[]>();
  for (const text of texts) {
    const key = tokenizer
      .encode(fillTemplate(template, text))
      .slice(0, -1)
      .slice(0, length - 1)
      .join(' ');
    const group = groups.get(key);
    if (group) group.push(text);
    else groups.set(key, [text]);
  }
  return [...groups.values()];
}

function longestOf(templates: readonly string[], lengthOf: (template: string) => number): string {
  return templates.reduce((longest, each) => (lengthOf(each) > lengthOf(longest) ? each : longest));
}

/** Templates and tags come again and again. */
function remembered(lengthOf: (text: string) => number): (text: string) => number {
  const known = new Map<string, number>();
  return (text) => {
    const length = known.get(text) ?? lengthOf(text);
    known.set(text, length);
    return length;
  };
}
