import { Option } from 'commander';

/** What commands that look at images by a CLIP have in common. */
export function ttaOption(): Option {
  return new Option(
    '--tta',
    'test-time augmentation: average the embeddings of seven crops of each image (shifted, zoomed in, zoomed out); seven times the work',
  ).default(false);
}
