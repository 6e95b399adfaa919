import { Option } from 'commander';

/** What commands that look at images by a CLIP have in common. */
export function ttaOption(): Option {
  return new Option(
    '--tta',
    'look at each image in seven ways (moved a little to each side, from closer, from farther off) and average: seven times the work',
  ).default(false);
}
