/** What becomes of classes that a configuration does not speak of. */
import { describe, expect, test } from 'vitest';
import { parseAskedDdpmConfig } from './ddpm-config.ts';
import { withClasses } from './with-classes.ts';

const pets = { name: './pets', classNames: ['cat', 'dog', 'owl'] };
const asked = ({ model = {}, objective = {} }: { model?: object; objective?: object } = {}) =>
  parseAskedDdpmConfig({ data: { source: './pets' }, model, objective, train: { steps: 1 } });
const settled = (config: ReturnType<typeof asked>, data: { name: string; classNames?: string[] } = pets) => {
  const {
    config: { model, objective },
    notes,
  } = withClasses(config, data);
  return [model.numClassEmbeds, objective.labelDropout, notes.length];
};

describe('a run that says nothing of classes', () => {
  test('is conditioned on those of its data, with a null label and a tenth of the labels dropped, and says so', () => {
    expect(settled(asked())).toEqual([4, 0.1, 1]);
    expect(withClasses(asked(), pets).notes).toEqual([
      './pets has 3 classes (cat, dog, owl), and the model is conditioned on them; 10 % of the labels are dropped, so that --guidance-scale works; --no-classes trains without',
    ]);
    const many = { name: 'x', classNames: Array.from({ length: 40 }, (_, i) => `c${i}`) };
    expect(withClasses(asked(), many).notes[0]).toMatch(/^x has 40 classes \(c0, c1, c2, c3, c4, c5, …\), /);
  });

  test('has none where the data has none', () => {
    expect(settled(asked(), { name: './plain' })).toEqual([null, 0, 0]);
  });

  test('drops the share of labels that it names; without any there is no null label', () => {
    expect(settled(asked({ objective: { labelDropout: 0.25 } }))).toEqual([4, 0.25, 1]);
    expect(settled(asked({ objective: { labelDropout: 0 } }))).toEqual([3, 0, 1]);
  });
});

test('what is said of classes holds, as before there was a default', () => {
  expect(settled(asked({ model: { numClassEmbeds: null } }))).toEqual([null, 0, 0]);
  expect(settled(asked({ model: { numClassEmbeds: 3 } }))).toEqual([3, 0, 0]);
  expect(settled(asked({ model: { numClassEmbeds: 4 }, objective: { labelDropout: 0.1 } }))).toEqual([4, 0.1, 0]);
});

test('networks that are conditioned on something else take no classes', () => {
  expect(settled(asked({ model: { classEmbedType: 'timestep' } }))).toEqual([null, 0, 0]);
  expect(settled(asked({ model: { inChannels: 6 }, objective: { superResolution: { factor: 2 } } }))).toEqual([
    null,
    0,
    0,
  ]);
});
