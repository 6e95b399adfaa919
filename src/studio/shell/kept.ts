/** Records that are too large for an address: in the browser's own database, under the name of their page. */

const [database, store] = ['kuosan-studio', 'trainings'];

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
export async function keepRecord(key: string, record: object): Promise<void> {
  await transact('readwrite', (objects) => objects.put(record, key));
}

/** The record that was kept last under a key; undefined if there is none, or another version of the studio kept it. */
export async function keptRecord<T extends { readonly format: number }>(
  key: string,
  format: T['format'],
): Promise<T | undefined> {
  const kept = (await transact('readonly', (objects) => objects.get(key) as IDBRequest<T | undefined>)) as
    | T
    | undefined;
  return kept?.format === format ? kept : undefined;
}

/** Forgets it. */
export async function forgetRecord(key: string): Promise<void> {
  await transact('readwrite', (objects) => objects.delete(key));
}
