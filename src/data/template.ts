/** The template with every `{}` replaced. */
export function fillTemplate(template: string, caption: string): string {
  return template.split('{}').join(caption);
}
