/** The caption alone. */
export const plainTemplates: readonly string[] = ['{}'];

/** The template with every `{}` replaced. */
export function fillTemplate(template: string, caption: string): string {
  return template.split('{}').join(caption);
}

/** What is wrong with the first template that has no place for a label: `"a photo" has no {} for the label`; undefined where all have one. */
export function templateProblem(templates: readonly string[]): string | undefined {
  const plain = templates.find((template) => !template.includes('{}'));
  return plain === undefined ? undefined : `${JSON.stringify(plain)} has no {} for the label`;
}
