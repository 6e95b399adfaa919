import type { Bytes } from '../formats/index.ts';
import { encodeModel } from './encode.ts';

/** The name of the output that `withRefusedOutput` adds. */
export const refusedOutput = 'refused:';

/**
 * The model with one more output before its own, an empty sequence, for an engine that returns tensors only: it runs the
 * model, and then refuses.
 *
 * Readers of protobuf put messages that follow each other together, list after list, so it is enough to write a small
 * model before this one.
 *
 * @see https://protobuf.dev/programming-guides/encoding/#last-one-wins
 */
export function withRefusedOutput(model: Uint8Array): Bytes {
  const before = encodeModel({
    irVersion: 8,
    opsetImport: [],
    metadataProps: [],
    graph: {
      node: [{ opType: 'SequenceEmpty', name: refusedOutput, input: [], output: [refusedOutput], attribute: [] }],
      output: [{ name: refusedOutput }],
      initializer: [],
      input: [],
      valueInfo: [],
    },
  });
  const both = new Uint8Array(before.length + model.length);
  both.set(before);
  both.set(model, before.length);
  return both;
}
