/** The models that lie next to the studio. */

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
