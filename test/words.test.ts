/** Code, docs, help and messages speak the field's words: what a practitioner would have to translate does not come back. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Private words, and the field's. The words stand here only. */
const words: readonly (readonly [pattern: RegExp, instead: string])[] = [
  [/\bpictures?\b/i, 'image, sample'],
  [
    /\b(draws?|drawing|drawn) (an? |the |its |new |all )?(images?|samples?|emoji|from (it|the model|a model))\b/i,
    'generate, sample',
  ],
  [/\b(images|samples) (are |were )?drawn\b/i, 'sampled, generated'],
  [/\btold apart|\btells? (\w+ ){0,3}apart\b/i, 'distinguish, classify'],
  [/\btold right|\btells? right\b/i, 'classified correctly'],
  [/\b(network|model|denoiser) (is|was) told\b/i, 'is conditioned on, takes'],
  [/\bnetwork tells\b/i, 'predicts, outputs'],
  [/\bgraphics cards?\b/i, 'GPU'],
  [/\bway out\b/i, 'hint'],
  [/\bway (down|up)\b/i, 'down path, up path'],
  [/\bhidden class(es)?\b|\bclass(es)? (is|are) hidden\b/i, 'label dropout'],
  [/\bstands? for "any"/i, 'null label'],
  [/\blean(s|ing)? (away|towards)\b/i, 'guidance'],
  [/\bstraight flow\b/i, 'rectified flow'],
  [/\bprocess of steps\b/i, 'discrete-time process'],
  [/\blaw of (the )?times\b/i, 'timestep distribution'],
  [/\breal against real\b/i, 'real vs real, real-vs-real baseline'],
  [/\bbeside\b/i, 'next to, besides'],
  [/\b(three|four|five|other|fourth|whose|what) hands?\b/i, 'style'],
  [/\bvectors of (an? )?(images?|texts?)\b/i, 'embeddings'],
  [/(?<!Math\.)(?<!')\bthe floor\b/i, 'irreducible loss, real-vs-real baseline'],
];

/** What has the letters and not the meaning: names that data, seeds and files keep. */
const allowed: readonly RegExp[] = [
  // CLIP's prompt templates are data.
  /picture of (an? )?\{/g,
  // Purposes of random streams decide the numbers.
  /RandomStream\([^)]*'/g,
  /'(real|gaussian) pictures?'|'pictures'|`pictures of caption/g,
  // What earlier versions wrote is still read.
  /pictures: (z\.number|images)|picture\.png|pictures\.safetensors/g,
];

const files = execFileSync(
  'git',
  ['ls-files', 'src', 'docs', 'presets', 'examples', 'pretrained', 'scripts', 'bench', '*.md'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((file) => /\.(ts|md|jsonc|html)$/.test(file) && !/^(CHANGELOG\.md|test\/|data\/)|\.test\.ts$/.test(file));

test.each(words)('nothing says %s', (pattern, instead) => {
  const found = files.flatMap((file) =>
    readFileSync(`${root}${file}`, 'utf8')
      .split('\n')
      .flatMap((line, i) => {
        const rest = allowed.reduce((text, exception) => text.replaceAll(exception, ''), line);
        return pattern.test(rest) ? [`${file}:${i + 1}: ${line.trim().slice(0, 160)}`] : [];
      }),
  );
  expect(found, `write: ${instead}`).toEqual([]);
});
