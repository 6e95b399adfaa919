/** What people are told of each model in `pretrained/`, next to what its run and its weights say of themselves. */
export interface Card {
  /** What it does, in one sentence. */
  readonly subject: string;
  /** Commands that show it. */
  readonly tries: readonly string[];
  /** What it learned from, whose that is and under which license. */
  readonly data: string;
  /** The commands that made it, from the data to the run. */
  readonly commands: readonly string[];
  /** The license of the weights, and of what they learned from. */
  readonly license: string;
  /** What the training ran on. */
  readonly cores: string;
  /** What else was measured: a name and a value each. */
  readonly measured: readonly (readonly [what: string, value: string])[];
  /** What one should know before using it. */
  readonly note: string;
}

const fashionMnist = 'Fashion-MNIST (Xiao, Rasul & Vollgraf 2017), MIT License: its 60,000 training images';

export const cards: Readonly<Record<string, Card>> = {
  'noto-32': {
    subject: "Noto's smileys, hearts and cats, 32 × 32 pixels.",
    tries: ['npx kuosan sample noto-32 --count 64 --out grid.png'],
    data: "`noto-emoji/smileys`: the 169 images of the group Smileys & Emotion of Google's Noto Color Emoji (Apache License 2.0, in this repository)",
    commands: ['npx kuosan train noto-32 --out runs/noto-32'],
    cores: 'two processor cores',
    license: 'MIT for the weights; the images it learned from are Apache-2.0',
    measured: [
      [
        'copies',
        '133 of 500 samples (DDPM, 100 steps; 134 on another machine) are near-duplicates of a training image (distance ratio < 1/3, Yoon et al. 2023)',
      ],
    ],
    note: 'It generates emoji and nothing else. With so few training images, a quarter of its samples are near-duplicates of them, and most others combine the eyes of one with the mouth of another.',
  },
  'fashion-mnist': {
    subject: 'Ten kinds of clothes in gray, 32 × 32 pixels, class-conditional.',
    tries: ['npx kuosan sample fashion-mnist --class sandal --guidance-scale 3 --out sandals.png'],
    data: fashionMnist,
    commands: ['npx kuosan train fashion-mnist --out runs/fashion-mnist'],
    cores: 'two processor cores',
    license: 'MIT, as its data',
    measured: [
      [
        'Fréchet distance',
        '1.77 with guidance 3 (real vs real 0.32), N = 1,000, DDIM in 50 steps, features of `fashion-mnist-classifier`; not the FID',
      ],
      ['class accuracy', '97.8 % with guidance 3, by the same network (real images 96.9 %)'],
    ],
    note: 'Trained with a label dropout of 0.1 for classifier-free guidance (`--guidance-scale`): 1 samples the data distribution, 3 favors typical images of each class.',
  },
  'fashion-mnist-classifier': {
    subject: 'Classifies ten kinds of clothes. Its features measure generative models of them.',
    tries: ['npx kuosan evaluate runs/clothes --data fashion-mnist --features fashion-mnist-classifier'],
    data: `${fashionMnist}, mirrored at random`,
    commands: ['npx kuosan train fashion-mnist-classifier --out runs/classifier'],
    cores: 'two processor cores',
    license: 'MIT',
    measured: [],
    note: 'Distances of its features are not the FID. Compare them only with others of the same network, data and number of images; `kuosan evaluate` prints the real-vs-real baseline with each.',
  },
  'emoji-clip': {
    subject: 'Matches words and images of emoji.',
    tries: [
      "npx kuosan classify emoji-clip --images image.png --labels 'red heart,cat face,pizza' --template 'a photo of a {}' --template 'a drawing of {}' --tta",
      "npx kuosan search emoji-clip --images images --query 'a smiling cat' --out sheet.png",
    ],
    data: "the emoji of Noto (Apache License 2.0) and of Fluent in 3D and flat (MIT License), 5,341 images with names and tags of Unicode's CLDR as emojibase has them",
    commands: [
      'npx kuosan data emoji --styles noto,fluent,fluent-flat,twemoji --test-styles twemoji --hold-out 0 --out data/emoji64',
      'npx kuosan train emoji-clip --out runs/names',
      'npx kuosan train emoji-clip --init runs/names --data.templates \'["{}","a {}","a photo of a {}","a photo of {}","a picture of {}","an image of a {}","a drawing of {}","an emoji of {}"]\' --data.tagShare 0 --train.learningRate 5e-4 --steps 2000 --out runs/emoji-clip',
    ],
    cores: 'two processor cores',
    license: 'MIT for the weights; the images they learned from are Apache-2.0 and MIT',
    measured: [
      [
        'unseen style',
        'of 1,878 Twemoji, which it never saw, 58.4 % get their own caption of 1,900 as the first and 79.2 % among the first five with `--tta` (55.5 % and 77.3 % without), eight templates',
      ],
    ],
    note: 'It has seen emoji and nothing else: of photographs it knows little, and of words only those in the captions and tags of emoji, in English. Images should show one thing on a plain ground. It was told them in the sentences `{}`, `a {}`, `a photo of a {}`, `a photo of {}`, `a picture of {}`, `an image of a {}`, `a drawing of {}` and `an emoji of {}`; one with words that it never read may lead it astray.',
  },
  icons: {
    subject: 'Text to image: icons of 24 × 24 under a prompt, in the style of forty sets.',
    tries: [
      'npx kuosan sample icons --prompt "folder heart" --style tabler --svg icons --out icons.png',
      'npx kuosan interpolate icons --prompt sun --prompt moon --out between.png',
    ],
    data: '55,814 icons of 40 sets whose caption stands in two sets or more, from the npm packages of Iconify (MIT, Apache-2.0, ISC and CC0; README.md of the built data lists them); trademarks left out. The text encoder in `text_encoder` is all-MiniLM-L6-v2 (Apache-2.0), in int8',
    commands: [
      'npx kuosan data icons --size 24 --out data/icons24',
      'npx kuosan train icons-24 --data data/icons24 --text.encoder all-MiniLM-L6-v2 --steps 2950 --out runs/icons',
    ],
    cores: 'one processor core',
    license: 'MIT for the network, Apache-2.0 for the text encoder',
    measured: [],
    note: 'Common icons are usable; most rare words and most compositions are not yet. The run was begun for 7,000 steps and shortened at step 1,740, so its learning rate fell faster from there. It had one of the two cores; the other did other work.',
  },
  'dalle-2': {
    subject:
      'DALL·E 2 on emoji: a prompt becomes an image embedding of `emoji-clip`, the embedding an image of 32 × 32, enlarged to 128 × 128.',
    tries: [
      'npx kuosan demo dalle-2 --prompt "green apple"',
      'npx kuosan sample dalle-2 --prompt "red heart" --prompt pizza --count 4 --out emoji.png',
      'npx kuosan variations dalle-2 --image emoji.png --count 6 --out variations.png',
    ],
    data: "1,765 emoji of Fluent in 3D (MIT License) with names of Unicode's CLDR as emojibase has them; a twentieth of the concepts was held out, but not from the upsampler, which saw all 1,851. The CLIP is `emoji-clip`",
    commands: [
      'npx kuosan data emoji --styles fluent --hold-out 0.05 --out data/fluent64',
      'npx kuosan data emoji --styles fluent --hold-out 0.05 --size 256 --out data/fluent256',
      'npx kuosan train emoji-prior --steps 1000 --out runs/emoji-prior',
      'npx kuosan train emoji-decoder --out runs/emoji-decoder',
      'npx kuosan train emoji-upsampler --steps 700 --out runs/up-128',
      'npx kuosan assemble runs/emoji-prior runs/emoji-decoder runs/up-128 --out models/dalle-2',
    ],
    cores: 'one processor core',
    license: 'MIT for the weights; the images they learned from are MIT, those of the CLIP MIT and Apache-2.0',
    measured: [],
    note: 'It knows emoji and nothing else. Hearts, circles, squares, apple, strawberry, clock and light bulb are recognizable, and most colors are right. Some faces are disks with eyes. Animals, vehicles, tools and compositions are not yet more than blots and strokes: the decoder saw 83,200 images, a small part of what it needs. It was trained with a learned variance, whose half of the last convolution is left out here: next to a prediction of x₀ it made coarse steps explode. The preset has a fixed variance since. The run of the prior was begun for 1,500 steps and shortened at step 702. Other work shared both cores.',
  },
};
