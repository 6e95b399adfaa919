import { imagesInMemory, type Dataset } from '../src/data/index.ts';

/** A data set without images, for runs whose batches come from elsewhere. */
export const noData: Dataset = {
  name: 'none',
  fingerprint: 'none',
  fromCache: false,
  ids: [],
  skipped: [],
  notes: [],
  count: 0,
  height: 1,
  width: 1,
  channels: 1,
  images: imagesInMemory(new Uint8Array(0), 1),
};
