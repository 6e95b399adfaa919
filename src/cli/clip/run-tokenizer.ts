import {
  checkExtension,
  checkWritable,
  readTokenizer,
  readTexts,
  trainTokenizer,
  writeFileWhole,
} from '../../data/index.ts';

/** The options of `kuosan tokenizer train`. */
export interface TokenizerTrainingOptions {
  readonly captions: string;
  readonly out: string;
  readonly vocabSize: number;
  readonly minFrequency: number;
}

/**
 * Learns a tokenizer from captions and writes it.
 *
 * @throws one line for captions that cannot be read or an output that cannot be written; nothing is written then
 */
export async function runTokenizerTraining(
  { captions, out, vocabSize, minFrequency }: TokenizerTrainingOptions,
  print: (line: string) => void,
): Promise<void> {
  checkExtension(out, '.json');
  await checkWritable(out);
  const { texts, notes } = await readTexts(captions);
  for (const note of notes) print(note);
  const trained = trainTokenizer(texts, { vocabSize, minFrequency });
  await writeFileWhole(out, new TextEncoder().encode(`${JSON.stringify(trained.json, null, 2)}\n`));

  const tokenizer = readTokenizer(trained.json, out);
  const lengths = texts.map((text) => tokenizer.encode(text).length).sort((a, b) => a - b);
  const often = trained.vocabSize < vocabSize ? `, not ${vocabSize}: no further pair occurs ${minFrequency} times` : '';
  print(`${texts.length} captions, ${trained.words} distinct words`);
  print(`${trained.vocabSize} tokens${often}; start ${tokenizer.bosTokenId}, end ${tokenizer.eosTokenId}`);
  print(`caption length: median ${lengths[Math.floor(lengths.length / 2)]} tokens, at most ${lengths.at(-1)}`);
  print(`${out}: written`);
}
