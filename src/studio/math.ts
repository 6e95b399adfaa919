/** Formulas in the studio's words. The build puts HTML in the place of both (scripts/studio/rendered-math.ts). */

/** A formula on a line of its own, in TeX; `\sig{}` and `\noi{}` color the signal and the noise. */
export const tex = (formula: TemplateStringsArray): string => formula.raw[0]!;

/** A sentence: formulas between dollars, code between back quotes, stress between stars. */
export const prose = (sentence: TemplateStringsArray): string => sentence.raw[0]!;
