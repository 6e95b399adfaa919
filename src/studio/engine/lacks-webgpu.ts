import { writable } from 'svelte/store';

/** Whether WebGPU was chosen, perhaps by an address from another machine, and this browser has none. Pages say so. */
export const lacksWebGpu = writable(false);
