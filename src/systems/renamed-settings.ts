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

/**
 * The configuration with every setting under its present name.
 *
 * @throws one line if a setting is given under both of its names
 */
export function newSettings(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const renamed: Record<string, unknown> = { ...config };
  for (const [from, to] of Object.entries(renamedSettings)) {
    const [section, key] = from.split('.') as [string, string];
    const values = renamed[section];
    if (typeof values !== 'object' || values === null || !Object.hasOwn(values, key)) continue;
    const name = to.slice(section.length + 1);
    if (Object.hasOwn(values, name))
      throw new Error(`config.${from}: is called ${to} now, and both are given; leave one out`);
    // In its old place among the others: the order says nothing, but messages follow it.
    renamed[section] = Object.fromEntries(
      Object.entries(values).map(([each, value]) => [each === key ? name : each, value]),
    );
  }
  return renamed;
}
