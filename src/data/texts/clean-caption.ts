/** Captions as DeepFloyd IF reads them. */

/** Each rule replaces what it matches, in this order. */
type Rules = readonly (readonly [pattern: RegExp, replacement: string])[];

const domains = String.raw`[a-zA-Z0-9.\-]+[.](?:com|co|ru|net|org|edu|gov|it)[\p{L}\p{N}_\/\-]*\b\/?(?!@)`;
const fileEndings = 'png|jpg|jpeg|bmp|webp|eps|pdf|apk|mp4';

/** Python's \w, \b and \d see letters and digits of all scripts, JavaScript's only ASCII. */
const word = String.raw`[\p{L}\p{N}_]`;
const boundary = `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`;
const rule = (pattern: string, replacement = '', flags = 'gu') =>
  [new RegExp(pattern.replaceAll('\\b', boundary).replaceAll('\\w', word), flags), replacement] as const;

/** Links, tags of HTML, nicknames, characters of other scripts, dashes and quotes. */
const first: Rules = [
  rule('<person>', 'person'),
  rule(String.raw`\b(?:https?:(?:\/{1,3}|[a-zA-Z0-9%])|${domains})`),
  rule(String.raw`\b(?:www:(?:\/{1,3}|[a-zA-Z0-9%])|${domains})`),
  rule('<!--[^]*?-->|<\\/?[a-z][^<>]*>'),
];

const second: Rules = [
  rule(String.raw`@\w+\b`),
  rule(String.raw`[\u31c0-\u31ff\u3200-\u4dff\u4e00-\u9fff]+`),
  rule(
    String.raw`[\u002D\u058A\u05BE\u1400\u1806\u2010-\u2015\u2E17\u2E1A\u2E3A\u2E3B\u2E40\u301C\u3030\u30A0\uFE31\uFE32\uFE58\uFE63\uFF0D]+`,
    '-',
  ),
  rule('[`´«»“”¨]', '"'),
  rule('[‘’]', "'"),
  rule('&quot;?'),
  rule('&amp'),
  rule(String.raw`\p{Nd}{1,3}\.\p{Nd}{1,3}\.\p{Nd}{1,3}\.\p{Nd}{1,3}`, ' '),
  rule(String.raw`\p{Nd}:\p{Nd}\p{Nd}\s+$`),
  rule(String.raw`\\n`, ' '),
  rule(String.raw`#\p{Nd}{1,3}\b`),
  rule(String.raw`#\p{Nd}{5,}\b`),
  rule(String.raw`\b\p{Nd}{6,}\b`),
  rule(String.raw`\S+\.(?:${fileEndings})`),
  rule(String.raw`["']{2,}`, '"'),
  rule(String.raw`\.{2,}`, ' '),
  rule(String.raw`[#®•©™&@·º½¾¿¡§~)(\]\[}{|\\/*]+`, ' '),
  rule(String.raw`\s+\.\s+`, ' '),
];

const third: Rules = [
  rule(String.raw`\b[a-zA-Z]{1,3}\p{Nd}{3,15}\b`),
  rule(String.raw`\b[a-zA-Z]+\p{Nd}+[a-zA-Z]+\b`),
  rule(String.raw`\b\p{Nd}+[a-zA-Z]+\p{Nd}+\b`),
  rule(String.raw`(?:worldwide\s+)?(?:free\s+)?shipping`),
  rule(String.raw`(?:free\s)?download(?:\sfree)?`),
  rule(String.raw`\bclick\b\s(?:for|on)\s\w+`),
  rule(String.raw`\b(?:${fileEndings})(?:\simages?)?`),
  rule(String.raw`\bpage\s+\p{Nd}+\b`),
  rule(String.raw`\b\p{Nd}*[a-zA-Z]+\p{Nd}+[a-zA-Z]+\p{Nd}+[a-zA-Z\p{Nd}]*\b`, ' '),
  rule(String.raw`\b\p{Nd}+\.?\p{Nd}*[xх×]\p{Nd}+\.?\p{Nd}*\b`),
  rule(String.raw`\b\s+:\s+`, ': '),
  rule(String.raw`([^\p{Nd}][,./])\b`, '$1 '),
  rule(String.raw`\s+`, ' '),
  rule(String.raw`^["']([^]+)["']$`, '$1', 'u'),
  rule(String.raw`^['_,\-:;]`, '', 'u'),
  rule(String.raw`['_,\-:+]$`, '', 'u'),
  rule(String.raw`^\.\S+$`, '', 'u'),
];

/** Separators of a name such as this-is-my-cat: more than three of them are spaces. */
const separators = /[-_]/g;

/**
 * Of a caption so many characters are read: its 77 tokens are among them, and the rules take time by the square of the
 * length.
 */
const longest = 4000;

/**
 * A caption in lower case, without what is no description: links, nicknames, names of files, numbers of articles,
 * punctuation for effect. The rules are those of diffusers' `IFPipeline` (`clean_caption`), applied twice as there;
 * broken encodings, which Python mends with `ftfy`, stay as they are.
 *
 *     cleanCaption('A Cat (HD) — see https://example.com/cat.png') // 'a cat hd - see .'
 *
 * @see https://github.com/huggingface/diffusers/blob/main/src/diffusers/pipelines/deepfloyd_if/pipeline_if.py
 */
export function cleanCaption(text: string): string {
  return cleaned(cleaned(text.slice(0, longest)));
}

function cleaned(text: string): string {
  let caption = applied(first, unquoted(text).trim().toLowerCase());
  caption = applied(second, withoutEntities(caption));
  if ([...caption.matchAll(separators)].length > 3) caption = caption.replace(separators, ' ');
  return applied(third, withoutEntities(caption.normalize('NFC'))).trim();
}

function applied(rules: Rules, text: string): string {
  return rules.reduce((changed, [pattern, replacement]) => changed.replace(pattern, replacement), text);
}

/** Spaces for pluses, characters for %20 and its kind; a percent sign that begins none stays. */
function unquoted(text: string): string {
  return text.replaceAll('+', ' ').replace(/(?:%[0-9a-f]{2})+/gi, (codes) => {
    const bytes = Uint8Array.from(codes.slice(1).split('%'), (code) => Number.parseInt(code, 16));
    return new TextDecoder().decode(bytes);
  });
}

const namedEntities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: ' ' };

/** The entities of HTML that captions have: those of markup, and numbers. */
function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,6})|#x([0-9a-f]{1,5})|([a-z]+));/gi, (whole, decimal, hex, name) => {
    if (name !== undefined) return namedEntities[String(name).toLowerCase()] ?? whole;
    return String.fromCodePoint(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal));
  });
}
