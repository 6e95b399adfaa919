/** The models that lie next to the studio, and whether a server is behind it. */
import { modelAddress } from './model-address.ts';
import { openedOnce } from './opened-once.ts';

/** One of them. */
export interface NextModel {
  readonly name: string;
  readonly kind: 'model' | 'clip';
  /** Of its weights. */
  readonly bytes: number;
  /** Whether this browser computes with it, or the server because it is too large for that. */
  readonly computes: 'browser' | 'server';
  /** Its files, by their paths in its folder; where they are not listed, each is asked for. */
  readonly files?: readonly string[];
}

interface Index {
  readonly isServed: boolean;
  readonly models: readonly NextModel[];
}

const openIndex = openedOnce<Index>();

function index(): Promise<Index> {
  return openIndex('index', async () => {
    const response = await fetch('./models/models.json');
    if (response.ok) return (await response.json()) as Index;
    if (response.status === 404) return { isServed: false, models: [] };
    throw new Error(`models/models.json: ${response.status} ${response.statusText}`);
  });
}

/** Whether `kuosan studio` serves the pages; on a static host they are files, and nothing answers them. */
export async function isServed(): Promise<boolean> {
  return (await index()).isServed;
}

/** The model of a name; undefined where none is listed, as for an address that is older than the models. */
export async function listedModel(name: string): Promise<NextModel | undefined> {
  return (await index()).models.find((model) => model.name === name);
}

/** Those of a kind, in the order of the server; none if it lists none. */
export async function modelsOfKind(kind: NextModel['kind']): Promise<readonly string[]> {
  return (await index()).models.filter((model) => model.kind === kind).map(({ name }) => name);
}

/** A model of text to image. */
export interface TextModel {
  readonly name: string;
  /** Whether it is a DALL·E 2: a prior makes an image embedding of the text. */
  readonly isUnclip: boolean;
}

const openTextual = openedOnce<readonly TextModel[]>();

/** The models of text to image among them. */
export function textModels(): Promise<readonly TextModel[]> {
  return openTextual('textual', findTextModels);
}

async function findTextModels(): Promise<readonly TextModel[]> {
  const [names, { textClass }] = await Promise.all([modelsOfKind('model'), import('./text-classes.ts')]);
  const classes = await Promise.all(names.map(pipelineClass));
  return names.flatMap((name, i) => {
    const kind = textClass(classes[i]!);
    return kind === undefined ? [] : [{ name, isUnclip: kind === 'unclip' }];
  });
}

/** The class that a model's index names; empty where there is no index, or none that can be read. */
async function pipelineClass(name: string): Promise<string> {
  try {
    const files = (await listedModel(name))?.files;
    if (files && !files.includes('model_index.json')) return '';
    const response = await fetch(`${modelAddress(name).href}/model_index.json`);
    if (!response.ok) return '';
    const { _class_name: className } = (await response.json()) as { readonly _class_name?: string };
    return className ?? '';
  } catch {
    // One model that cannot be read leaves the others.
    return '';
  }
}
