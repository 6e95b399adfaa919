/** The README.md of a CLIP folder: what the model is, and Python that uses it. */
import type { CLIPModel } from '../models/clip.ts';
import { countParameters } from '../nn/index.ts';
import { layOutCard } from './card-layout.ts';

/** The card of a model; its Python runs in the folder as it stands. Without a tokenizer it shows how to embed images. */
export function clipCardText(model: CLIPModel, hasTokenizer: boolean): string {
  const {
    visionConfig: { numChannels },
  } = model.config;
  const image = `Image.new("${numChannels === 1 ? 'L' : 'RGB'}", (64, 48), "red")  # or Image.open("image.png")`;
  return layOutCard({
    library: 'transformers',
    task: hasTokenizer ? 'zero-shot-image-classification' : 'image-feature-extraction',
    rows: clipRows(model),
    command: hasTokenizer
      ? 'npx kuosan classify . --images image.png --labels "a red heart,a cat"'
      : 'npx kuosan embed . --images image.png --out embeddings.npy',
    programs: [
      hasTokenizer
        ? [
            'from PIL import Image',
            'from transformers import CLIPModel, CLIPProcessor',
            '',
            'model = CLIPModel.from_pretrained(".")',
            'processor = CLIPProcessor.from_pretrained(".")',
            `image = ${image}`,
            'labels = ["a red heart", "a cat"]',
            'inputs = processor(text=labels, images=image, padding=True, truncation=True, return_tensors="pt")',
            'probabilities = model(**inputs).logits_per_image.softmax(dim=-1)[0]',
            'for label, probability in zip(labels, probabilities.tolist()):',
            '    print(f"{label}: {probability:.1%}")',
          ]
        : [
            'from PIL import Image',
            'from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection',
            '',
            'model = CLIPVisionModelWithProjection.from_pretrained(".")',
            'processor = CLIPImageProcessor.from_pretrained(".")',
            `image = ${image}`,
            'embeddings = model(**processor(image, return_tensors="pt")).image_embeds',
            'print(embeddings / embeddings.norm(dim=-1, keepdim=True))',
          ],
    ],
  });
}

function clipRows(model: CLIPModel): readonly (readonly [string, string])[] {
  const { visionConfig: vision, textConfig: text, projectionDim } = model.config;
  return [
    [
      'network',
      `\`CLIPModel\`, ${countParameters(model).toLocaleString('en-US')} parameters, embeddings of ${projectionDim}`,
    ],
    [
      'images',
      `${vision.numChannels} × ${vision.imageSize} × ${vision.imageSize} in patches of ${vision.patchSize}, ${blocks(vision)} of ${vision.hiddenSize}`,
    ],
    [
      'texts',
      `at most ${text.maxPositionEmbeddings} of ${text.vocabSize.toLocaleString('en-US')} tokens, ${blocks(text)} of ${text.hiddenSize}`,
    ],
  ];
}

function blocks({ numHiddenLayers }: { readonly numHiddenLayers: number }): string {
  return numHiddenLayers === 1 ? '1 block' : `${numHiddenLayers} blocks`;
}
