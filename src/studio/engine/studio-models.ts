/** The models that lie next to the studio. */
import { modelAddress } from './model-address.ts';

/** One of them. */
export interface NextModel {
  readonly name: string;
  readonly kind: 'model' | 'clip';
}

let listed: Promise<readonly NextModel[]> | undefined;

/** Those of a kind, in the order of the server; none if it lists none. */
export async function modelsOfKind(kind: NextModel['kind']): Promise<readonly string[]> {
  listed ??= fetch('./models/models.json').then(async (response) => {
    if (!response.ok) return [];
    return ((await response.json()) as { readonly models: readonly NextModel[] }).models;
  });
  return (await listed).filter((model) => model.kind === kind).map(({ name }) => name);
}

/** A model of text to image. */
export interface TextModel {
  readonly name: string;
  /** Whether it is a DALL·E 2: a prior makes an image embedding of the text. */
  readonly isUnclip: boolean;
}

let textual: Promise<readonly TextModel[]> | undefined;

/** The models of text to image among them. */
export function textModels(): Promise<readonly TextModel[]> {
  textual ??= findTextModels();
  return textual;
}

async function findTextModels(): Promise<readonly TextModel[]> {
  const [names, { textToImageClass, decoderClass, unclipClasses }] = await Promise.all([
    modelsOfKind('model'),
    import('../../checkpoint/browser.ts'),
  ]);
  const unclip: readonly string[] = [...unclipClasses, decoderClass];
  const classes = await Promise.all(names.map(pipelineClass));
  return names.flatMap((name, i) => {
    const isUnclip = unclip.includes(classes[i]!);
    return isUnclip || classes[i] === textToImageClass ? [{ name, isUnclip }] : [];
  });
}

/** The class that a model's index names; empty where there is no index. */
async function pipelineClass(name: string): Promise<string> {
  const response = await fetch(`${modelAddress(name).href}/model_index.json`);
  if (!response.ok) return '';
  const { _class_name: className } = (await response.json()) as { readonly _class_name?: string };
  return className ?? '';
}
