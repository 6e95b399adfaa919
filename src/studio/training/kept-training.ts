/** A training that outlives its tab: in the browser's own database. */
import type { FloatArray } from '../../core/index.ts';
import type { TrainerState } from '../../train/browser.ts';

/** What a training is, and how far it has come. */
export interface KeptTraining {
  /** Of this record; a studio reads only its own. */
  readonly format: 1;
  readonly state: TrainerState;
  /** [N, 3, side, side]: the images that it learns. */
  readonly images: FloatArray;
  readonly steps: number;
  readonly batchSize: number;
  readonly seed: number;
  /** [step, loss] of what was done. */
  readonly losses: readonly (readonly [number, number])[];
}

const [database, store, key] = ['kuosan-studio', 'trainings', 'algorithm-1'];

function open(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(database, 1);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(store));
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('the database does not open')));
  });
}

async function transact<T>(mode: IDBTransactionMode, act: (objects: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const opened = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = opened.transaction(store, mode);
      const request = act(transaction.objectStore(store));
      transaction.addEventListener('complete', () => resolve(request.result));
      // A full disk aborts the transaction, whatever its request has said.
      const failed = () => reject(transaction.error ?? request.error ?? new Error('the browser keeps nothing'));
      transaction.addEventListener('abort', failed);
      transaction.addEventListener('error', failed);
    });
  } finally {
    opened.close();
  }
}

/** @throws if the browser's storage is full, or it keeps nothing for this page */
export async function keepTraining(training: KeptTraining): Promise<void> {
  await transact('readwrite', (objects) => objects.put(training, key));
}

/** The training that was kept last; undefined if there is none, or another version kept it. */
export async function keptTraining(): Promise<KeptTraining | undefined> {
  const kept = (await transact('readonly', (objects) => objects.get(key) as IDBRequest<KeptTraining | undefined>)) as
    | KeptTraining
    | undefined;
  return kept?.format === 1 ? kept : undefined;
}

/** Forgets it. */
export async function forgetTraining(): Promise<void> {
  await transact('readwrite', (objects) => objects.delete(key));
}
