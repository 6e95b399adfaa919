/**
 * Calls `task` for 0 … count − 1 with at most `limit` at work, and waits for all.
 *
 * The first failure by index is thrown, whichever came first in time: tasks start in ascending order and
 * every one that has started is waited for, so the message does not depend on timing.
 *
 * @returns what the calls gave, by index
 */
export async function inParallel<T>(count: number, limit: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  let failedAt = Infinity;
  let failure: unknown;
  const worker = async (): Promise<void> => {
    while (next < count && failedAt === Infinity) {
      const index = next++;
      try {
        results[index] = await task(index);
      } catch (error) {
        if (index < failedAt) {
          failedAt = index;
          failure = error;
        }
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, count) }, worker));
  if (failedAt !== Infinity) throw failure;
  return results;
}
