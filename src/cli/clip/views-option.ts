import { Option } from 'commander';

/** What commands that look at pictures by a CLIP have in common. */
export function viewsOption(): Option {
  return new Option(
    '--views',
    'look at each picture in seven ways (moved a little to each side, from closer, from farther off) and average: seven times the work',
  ).default(false);
}
