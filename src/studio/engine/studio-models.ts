/** The models that lie next to the studio, and whether a server is behind it. */

/** One of them. */
export interface NextModel {
  readonly name: string;
  readonly kind: 'model' | 'clip';
  /** Of its weights. */
  readonly bytes: number;
  /** Whether this browser computes with it, or the server because it is too large for that. */
  readonly computes: 'browser' | 'server';
}

interface Index {
  readonly isServed: boolean;
  readonly models: readonly NextModel[];
}

let listed: Promise<Index> | undefined;

function index(): Promise<Index> {
  listed ??= fetch('./models/models.json').then(async (response) =>
    response.ok ? ((await response.json()) as Index) : { isServed: false, models: [] },
  );
  return listed;
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
