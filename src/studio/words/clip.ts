import { prose, tex } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of CLIP. */
export const clipWords = {
  lead: {
    zh: prose`CLIP 把图像和文字放进同一个空间：两个编码器，各给出一个单位向量，点积就是它们有多像。DALL·E 2 从文字到图像的路，就走在这个空间里。`,
    en: prose`CLIP puts images and texts into one space: two encoders give a unit vector each, and the dot product says how much they match. The way of DALL·E 2 from a text to an image goes through this space.`,
  },

  matrixTitle: { zh: '你的图像，你的词', en: 'Your images, your words' },
  matrixText: {
    zh: prose`每个词先填进模板的 \`{}\`，再编码。矩阵里的每个数是一幅图像和一个词的余弦。`,
    en: prose`Each word takes the place of \`{}\` in the template and is encoded. Each number of the matrix is the cosine of an image and a word.`,
  },
  probabilitiesTitle: { zh: '零样本分类', en: 'Zero-shot classification' },
  probabilitiesText: {
    zh: prose`余弦除以温度 $\tau$，再取 softmax：每幅图像的各个词加起来是 1。没有为这些类别训练过，词就是分类器。温度是训练学到的；移动它，看概率怎样变尖、变平。`,
    en: prose`The cosines are divided by the temperature $\tau$ and go through a softmax: the words of each image sum to 1. Nothing was trained for these classes; the words are the classifier. The temperature was learned; move it and see the probabilities sharpen or flatten.`,
  },
  searchTitle: { zh: '用文字找图像', en: 'Search by a text' },
  searchText: {
    zh: prose`查询是一个向量，每幅图像也是。按余弦排好，就是搜索：在 169 个表情和你的图像里。`,
    en: prose`The question is a vector, and so is each image. Ordered by their cosines they are the answer: of 169 emoji and your images.`,
  },

  images: { zh: '图像', en: 'Images' },
  addEmoji: { zh: '选表情…', en: 'Choose emoji …' },
  addImages: { zh: '自己的图像…', en: 'Your images …' },
  drop: { zh: '也可以把图像拖到这里。', en: 'Images can be dropped here too.' },
  remove: { zh: '拿掉 {name}', en: 'Take out {name}' },
  noImages: {
    zh: '还没有图像；选几个表情，或者放进自己的。',
    en: 'There are no images; choose emoji, or add your own.',
  },
  tooMany: { zh: '最多 {most} 幅图像；先拿掉几幅。', en: 'At most {most} images fit; take some out first.' },
  notKept: { zh: '浏览器没有保存这些图像：{why}', en: 'The browser does not keep these images: {why}' },
  labels: { zh: '词，用逗号分开（模型读英文）', en: 'Words, separated by commas (the model reads English)' },
  noWords: { zh: '还没有词；写几个，用逗号分开。', en: 'There are no words; write some, separated by commas.' },
  template: { zh: '模板', en: 'Template' },
  ownTemplate: { zh: '自己的模板', en: 'Your template' },
  templateOwn: { zh: '自己写…', en: 'your own …' },
  noPlace: { zh: '模板“{template}”里没有放词的 {}。', en: 'The template “{template}” has no {} for the word.' },
  matrix: { zh: '图像（列）和词（行）的余弦', en: 'Cosines of images (columns) and words (rows)' },
  probabilities: {
    zh: '每幅图像（列）的词（行）的概率',
    en: 'Probabilities of the words (rows) of each image (column)',
  },
  cell: { zh: '{image} 与“{word}”：余弦 {cosine}', en: '{image} and “{word}”: cosine {cosine}' },
  probabilityCell: {
    zh: '{image} 是“{word}”：概率 {probability}，分数 {logit}',
    en: '{image} is “{word}”: probability {probability}, logit {logit}',
  },
  scale: { zh: prose`$1/\tau=e^{\ell}$`, en: prose`$1/\tau=e^{\ell}$` },
  hearScale: { zh: '温度的倒数', en: 'Inverse temperature' },
  temperature: {
    zh: '温度 τ = {temperature}；模型学到的是 {learned}。',
    en: 'Temperature τ = {temperature}; the model has learned {learned}.',
  },
  learnedScale: { zh: '用学到的', en: 'As learned' },
  embedding: { zh: '编码图像：{done} / {of}', en: 'Embedding images: {done} of {of}' },
  compare: { zh: '比较', en: 'Compare' },
  compareFirst: { zh: '先在上面比较，概率就出现在这里。', en: 'Compare above, and the probabilities appear here.' },
  query: { zh: '找什么（英文）', en: 'Search for' },
  search: { zh: '搜索', en: 'Search' },
  found: {
    zh: '{count} 幅图像里最近的 {shown} 幅，余弦从大到小',
    en: 'The nearest {shown} of {count} images, largest cosine first',
  },
  truncated: {
    zh: '{count} 个句子超过模型读的 {tokens} 个词元，后面的丢掉了。',
    en: '{count} sentences are longer than the {tokens} tokens that the model reads, and lose their end.',
  },

  meaningImage: { zh: '图像的单位向量', en: 'image embeddings of length 1' },
  meaningText: { zh: '文字的单位向量', en: 'text embeddings of length 1' },
  meaningScale: { zh: '学到的温度的倒数', en: 'the inverse of the learned temperature' },
  meaningProbability: { zh: '每幅图像的词，可能的在前', en: 'the words of each image, likeliest first' },
  meaningRank: { zh: '离查询最近的图像', en: 'the images nearest to a question' },
} as const satisfies Words;

/** The formulas of the page. */
export const clipFormulas = {
  similarity: tex`\begin{aligned}\sig{I_i}&=\frac{f_{\text{image}}(x_i)}{\lVert f_{\text{image}}(x_i)\rVert}\qquad\noi{T_k}=\frac{f_{\text{text}}(y_k)}{\lVert f_{\text{text}}(y_k)\rVert}\\ s_{ik}&=\sig{I_i}\cdot\noi{T_k}\end{aligned}`,
  probability: tex`p(k\mid x_i)=\frac{e^{s_{ik}/\tau}}{\sum_{k'}e^{s_{ik'}/\tau}}`,
  rank: tex`i^\star=\arg\max_i\ \sig{I_i}\cdot\noi{T}`,
} as const;

/** Symbols of the page and their names in code. */
export const clipSymbols = [
  { symbol: prose`$I_i$`, code: 'await encoder.embedImages(images)', meaning: clipWords.meaningImage },
  { symbol: prose`$T_k$`, code: '(await encoder.embedTexts(texts)).embeddings', meaning: clipWords.meaningText },
  { symbol: prose`$1/\tau=e^{\ell}$`, code: 'encoder.scale', meaning: clipWords.meaningScale },
  {
    symbol: prose`$p(k\mid x_i)$`,
    code: '(await zeroShotClassifier(encoder, labels, templates)).classify(embeddings)',
    meaning: clipWords.meaningProbability,
  },
  { symbol: prose`$i^\star$`, code: 'rank(question, embeddings, count)', meaning: clipWords.meaningRank },
] as const;
