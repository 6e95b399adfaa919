import { expect, test } from 'vitest';
import { float32 } from '../../core/dtype.ts';
import { RandomStream } from '../../core/random.ts';
import { linearSchedule } from '../beta-schedules.ts';
import { classConditions } from '../conditions.ts';
import { classDatasetDenoiser } from './class-mixture.ts';
import { datasetDenoiser } from './mixture.ts';

const schedule = linearSchedule();
const normals = (count: number, index: number) =>
  float32([count, 1, 2, 2], new RandomStream(1, 'class mixture', index).fillNormal(new Float32Array(4 * count)));
const images = normals(5, 0);
const labels = [0, 2, 0, 2, 7];
const rows = (array: typeof images, places: readonly number[]) =>
  float32(
    [places.length, 1, 2, 2],
    places.flatMap((place) => [...array.data.subarray(4 * place, 4 * place + 4)]),
  );

test("a sample gets what the exact denoiser of its class's images says of it", async () => {
  const xt = normals(4, 1);
  const t = [900, 300, 600, 600];
  const classes = [2, 0, 0, 2];
  const { x0, eps } = await classDatasetDenoiser(schedule, images, labels)(xt, t, {
    conditions: classConditions(classes),
  });
  for (const [b, label] of classes.entries()) {
    const own = datasetDenoiser(schedule, rows(images, label === 0 ? [0, 2] : [1, 3]));
    const alone = await own(rows(xt, [b]), [t[b]!], {});
    expect([rows(x0, [b]), rows(eps, [b])]).toEqual([alone.x0, alone.eps]);
  }
});

test('of a class of one image it knows that image, however much noise there is', async () => {
  const { x0 } = await classDatasetDenoiser(schedule, images, labels)(normals(1, 2), [999], {
    conditions: classConditions([7]),
  });
  expect(x0).toEqual(rows(images, [4]));
});

test('a class that is not told or has no images is refused, and so are classes of other images', async () => {
  const denoise = classDatasetDenoiser(schedule, images, labels);
  await expect(denoise(normals(1, 3), [5], {})).rejects.toThrow(
    'classDatasetDenoiser: no classes for 1 samples; give one for each as the condition class_labels',
  );
  await expect(denoise(normals(2, 3), [5, 5], { conditions: classConditions([0]) })).rejects.toThrow(
    'classDatasetDenoiser: 1 classes for 2 samples',
  );
  await expect(denoise(normals(1, 3), [5], { conditions: classConditions([1]) })).rejects.toThrow(
    'classDatasetDenoiser: there is no image of class 1',
  );
  expect(() => classDatasetDenoiser(schedule, images, [0, 1])).toThrow(
    'classDatasetDenoiser: 2 classes for a batch of 5 samples',
  );
});
