import { homedir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { defaultCacheDir } from './default-cache-dir.ts';

afterEach(() => vi.unstubAllEnvs());

test('the cache is where KUOSAN_CACHE says, else where the system has such files', () => {
  vi.stubEnv('KUOSAN_CACHE', '/some/where');
  expect(defaultCacheDir()).toBe('/some/where');
  vi.stubEnv('KUOSAN_CACHE', '');
  expect(defaultCacheDir()).toMatch(/kuosan/);
});

test.runIf(process.platform === 'linux')('on Linux that is XDG_CACHE_HOME, or .cache in the home', () => {
  vi.stubEnv('KUOSAN_CACHE', '');
  vi.stubEnv('XDG_CACHE_HOME', '/caches');
  expect(defaultCacheDir()).toBe('/caches/kuosan');
  vi.stubEnv('XDG_CACHE_HOME', '');
  expect(defaultCacheDir()).toBe(join(homedir(), '.cache/kuosan'));
});
