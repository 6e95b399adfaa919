/**
 * Marks settings that a run may have otherwise when it goes on: how long and how often, and where files lie, which it compares by what
 * they hold. Nothing changes a step, but for the last one of a cosine schedule.
 */
export const resumable = { resumable: true } as const;
