/** Settings that earlier versions called otherwise: runs that they recorded, and configurations written for them, stay usable. */

/** Paths in a configuration, and what they are called now. */
export const renamedSettings: Readonly<Record<string, string>> = {
  'data.flip': 'data.horizontalFlip',
  'data.stretch': 'data.aspectJitter',
  'data.rotate': 'data.rotation',
  'data.elastic': 'data.elasticDeformation',
  'data.mirror': 'data.horizontalFlip',
  'data.color': 'data.colorJitter',
  'data.gray': 'data.grayscale',
  'data.blend': 'data.mixup',
  'objective.classDropout': 'objective.labelDropout',
};

/** The configuration with every setting under its present name. */
export function newSettings(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const renamed: Record<string, unknown> = { ...config };
  for (const [from, to] of Object.entries(renamedSettings)) {
    const [section, key] = from.split('.') as [string, string];
    const values = renamed[section];
    if (typeof values !== 'object' || values === null || !Object.hasOwn(values, key)) continue;
    const name = to.slice(section.length + 1);
    // In its old place among the others; a new name that stands there too is for the check to refuse.
    if (Object.hasOwn(values, name)) continue;
    renamed[section] = Object.fromEntries(
      Object.entries(values).map(([each, value]) => [each === key ? name : each, value]),
    );
  }
  return renamed;
}
