// Writes glyphs.ts: the outlines that figures draw their text with.
//
//     npm i --prefix /tmp/font dejavu-fonts-ttf@2.37.3 opentype.js@2.0.0
//     node src/data/build-glyphs.mjs /tmp/font
//
// Neither package is a dependency: the outlines of 200 characters are kept and the font is not needed again.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node src/data/build-glyphs.mjs <folder with node_modules>');
const require = createRequire(`${folder}/`);
const opentype = require('opentype.js');
const font = opentype.parse(
  new Uint8Array(readFileSync(`${folder}/node_modules/dejavu-fonts-ttf/ttf/DejaVuSans.ttf`)).buffer,
);
const license = readFileSync(`${folder}/node_modules/dejavu-fonts-ttf/LICENSE`, 'utf8');
const notice = license.slice(license.indexOf('Copyright (c) 2003 by Bitstream'), license.indexOf('TeX Gyre DJV Math'));

const ascii = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join('');
const latin = 'ÄÖÜäöüßàáâãåæçèéêëìíîïñòóôõøùúûýÿÀÁÂÃÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕØÙÚÛÝ';
const greek = 'αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΦΨΩᾱ';
const signs = '§°±·×÷–—‘’“”…−√∑∏∫∞≈≠≤≥→←↑↓⇒∈‖∇∂½';
const raised = '⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻₀₁₂₃₄₅₆₇₈₉₊₋ₜₙ';
const unitsPerEm = 1000;

/** Whole numbers of a thousandth of an em, each command relative to the point before: a third of the bytes. */
function outline(glyph) {
  let x = 0;
  let y = 0;
  let startX = 0;
  let startY = 0;
  let path = '';
  const number = (value) => Math.round((value * unitsPerEm) / font.unitsPerEm);
  const join = (values) => values.map((value, i) => (i > 0 && value >= 0 ? ` ${value}` : `${value}`)).join('');
  for (const command of glyph.path.commands) {
    if (command.type === 'Z') {
      path += 'z';
      [x, y] = [startX, startY];
      continue;
    }
    const endX = number(command.x);
    const endY = -number(command.y);
    if (command.type === 'M') [startX, startY] = [endX, endY];
    const control = command.type === 'Q' ? [number(command.x1) - x, -number(command.y1) - y] : [];
    if (command.type === 'L' && endX === x && endY === y) continue;
    path += command.type.toLowerCase() + join([...control, endX - x, endY - y]);
    [x, y] = [endX, endY];
  }
  return path;
}

const lines = [];
for (const character of new Set(ascii + latin + greek + signs + raised)) {
  const glyph = font.charToGlyph(character);
  if (glyph.index === 0) {
    console.error(`no glyph for ${character}`);
    continue;
  }
  const advance = Math.round((glyph.advanceWidth * unitsPerEm) / font.unitsPerEm);
  lines.push(`  ${JSON.stringify(character)}: [${advance}, '${outline(glyph)}'],`);
}

const comment = `Made by build-glyphs.mjs from DejaVu Sans 2.37, whose changes to Bitstream Vera are in the public domain:\n\n${notice.trim()}`;
writeFileSync(
  fileURLToPath(new URL('./figures/glyphs.ts', import.meta.url)),
  `/*
${comment
  .split('\n')
  .map((line) => ` * ${line}`.trimEnd())
  .join('\n')}
 */

/** Advance width and SVG path of each character, in ${unitsPerEm}ths of an em; y points down and is 0 on the base line. */
export const glyphs: Readonly<Record<string, readonly [advance: number, path: string]>> = {
${lines.join('\n')}
};
`,
);
console.log(`${lines.length} glyphs`);
