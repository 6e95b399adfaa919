import { expect, test } from 'vitest';
import { configuredRun } from './configured-run.ts';
import { newSettings, renamedSettings } from './renamed-settings.ts';

test('settings under their old names get the new ones, and the rest stays', () => {
  const old = { data: { source: 'x', flip: true, size: 8 }, objective: { classDropout: 0.1 }, train: { steps: 1 } };
  expect(newSettings(old)).toEqual({
    data: { source: 'x', horizontalFlip: true, size: 8 },
    objective: { labelDropout: 0.1 },
    train: { steps: 1 },
  });
  expect(old.data.flip).toBe(true);
});

test('every setting has a new name that some kind of run knows', () => {
  const data = { source: 'x' };
  const kinds = { ddpm: { data, train: { steps: 1 } }, clip: { data, train: { steps: 1 } } };
  for (const path of Object.keys(renamedSettings)) {
    const [section, key] = path.split('.') as ['data' | 'objective', string];
    const task = path === 'data.flip' || section === 'objective' ? 'ddpm' : 'clip';
    const { [section]: values = {}, ...others } = kinds[task] as Record<string, object>;
    const value = key === 'flip' ? true : 0.1;
    expect(() => configuredRun({ task, ...others, [section]: { ...values, [key]: value } }), path).not.toThrow();
  }
});

test('a setting under both names is refused', () => {
  expect(() => newSettings({ data: { flip: true, horizontalFlip: false } })).toThrow(
    'config.data.flip: is called data.horizontalFlip now, and both are given; leave one out',
  );
});
