import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BinaryReader } from '@bufbuild/protobuf/wire';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RunLog } from './log.ts';
import type { MetricsLine } from './metrics.ts';

let out: string;
beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'kuosan-log-'));
});
afterEach(async () => {
  await rm(out, { recursive: true });
});

const line = (step: number): MetricsLine => ({
  step,
  loss: 1 / step,
  gradNorm: 2,
  learningRate: 1e-3,
  imagesPerSecond: 10,
  lossByNoise: [step, null, ...new Array<number>(8).fill(0.5)],
});

/** The fields of a message: varints and fixed numbers as they are, everything else as bytes. */
function fieldsOf(bytes: Uint8Array): [field: number, value: number | Uint8Array][] {
  const reader = new BinaryReader(bytes);
  const fields: [number, number | Uint8Array][] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    fields.push([
      field,
      type === 0 ? Number(reader.int64()) : type === 1 ? reader.double() : type === 5 ? reader.float() : reader.bytes(),
    ]);
  }
  return fields;
}

interface ReadEvent {
  step: number;
  start: boolean;
  scalars: Record<string, number>;
  images: Record<string, Uint8Array>;
}

/** The events of each file, by the order of their names. The checksums are those of TensorFlow's own: `tfevents.test.ts`. */
async function eventFiles(): Promise<ReadEvent[][]> {
  const names = (await readdir(out)).filter((name) => name.includes('tfevents')).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = await readFile(join(out, name));
      const events: ReadEvent[] = [];
      for (let at = 0; at < file.length;) {
        const length = Number(file.readBigUInt64LE(at));
        const event: ReadEvent = { step: 0, start: false, scalars: {}, images: {} };
        for (const [field, value] of fieldsOf(file.subarray(at + 12, at + 12 + length))) {
          if (field === 2) event.step = value as number;
          if (field === 7) event.start = true;
          if (field !== 5) continue;
          for (const [, summary] of fieldsOf(value as Uint8Array)) {
            const parts = new Map(fieldsOf(summary as Uint8Array));
            const tag = new TextDecoder().decode(parts.get(1) as Uint8Array);
            if (parts.has(2)) event.scalars[tag] = parts.get(2) as number;
            else event.images[tag] = new Map(fieldsOf(parts.get(4) as Uint8Array)).get(4) as Uint8Array;
          }
        }
        events.push(event);
        at += length + 16;
      }
      return events;
    }),
  );
}

const metrics = async (): Promise<string[]> => (await readFile(join(out, 'metrics.jsonl'), 'utf8')).split('\n');
const steps = async (): Promise<number[]> =>
  (await metrics()).filter((text) => text !== '').map((text) => (JSON.parse(text) as MetricsLine).step);

describe('the log of a run', () => {
  it('has a line and a point for TensorBoard a step, the grids and a figure', async () => {
    const log = await RunLog.open(out, { step: 0, steps: 4, times: { from: 0, to: 1000, label: 't' } });
    for (const step of [1, 2, 3, 4]) await log.add(line(step));
    const path = await log.addSamples(4, { data: new Uint8Array(12).fill(200), width: 2, height: 2, channels: 3 });
    await log.finish();
    expect(path).toBe(join(out, 'samples/step-000004.png'));
    expect(await steps()).toEqual([1, 2, 3, 4]);
    const [[version, ...events]] = (await eventFiles()) as [ReadEvent[]];
    expect(version).toMatchObject({ start: false, scalars: {} });
    expect(events.shift()).toMatchObject({ start: true, step: 1 });
    expect(events.map(({ step }) => step)).toEqual([1, 2, 3, 4, 4]);
    const points = events.filter(({ scalars }) => 'loss' in scalars);
    expect(points.map(({ scalars }) => scalars['loss'])).toEqual([1, 0.5, Math.fround(1 / 3), 0.25]);
    expect(points[2]!.scalars).toMatchObject({
      gradNorm: 2,
      learningRate: Math.fround(1e-3),
      imagesPerSecond: 10,
      'lossByNoise/0-99': 3,
      'lossByNoise/900-999': 0.5,
    });
    expect(points[2]!.scalars).not.toHaveProperty('lossByNoise/100-199');
    const image = await sharp(events.find(({ images }) => 'samples' in images)!.images['samples'])
      .raw()
      .toBuffer();
    expect([...image]).toEqual(new Array(12).fill(200));
    expect(await sharp(join(out, 'loss-by-noise.png')).metadata()).toMatchObject({ format: 'png' });
    // The quarter that the last step belongs to.
    expect(log.noise!.losses[0]).toBe(4);
  });

  it('gives TensorBoard a thousand points of a long run, each the mean over the steps since the last', async () => {
    const log = await RunLog.open(out, { step: 0, steps: 2500, times: { from: 0, to: 1000, label: 't' } });
    for (let step = 1; step <= 7; step++) await log.add(line(step));
    await log.finish();
    const [[, ...events]] = (await eventFiles()) as [ReadEvent[]];
    expect(events.map(({ step }) => step)).toEqual([1, 3, 6, 7]);
    expect(events.slice(1).map(({ scalars }) => scalars['lossByNoise/0-99'])).toEqual([2, 5, 7]);
  });

  it('takes back what a killed run told beyond its checkpoint, and half a line', async () => {
    const first = await RunLog.open(out, { step: 0, steps: 10, times: { from: 0, to: 1000, label: 't' } });
    for (let step = 1; step <= 7; step++) await first.add(line(step));
    await first.flush();
    await writeFile(join(out, 'metrics.jsonl'), `${(await metrics()).join('\n')}{"step":8,"lo`);
    const second = await RunLog.open(out, { step: 5, steps: 10, times: { from: 0, to: 1000, label: 't' } });
    expect(await steps()).toEqual([1, 2, 3, 4, 5]);
    await second.add(line(6));
    await second.finish();
    expect(await steps()).toEqual([1, 2, 3, 4, 5, 6]);
    // TensorBoard drops what an earlier file has from a session's start on.
    const files = await eventFiles();
    expect(files.map((events) => events.map(({ step }) => step))).toEqual([
      [0, 1, 1, 2, 3, 4, 5, 6, 7],
      [0, 6, 6],
    ]);
    expect(files.map((events) => events.findIndex(({ start }) => start))).toEqual([1, 1]);
    // The third quarter of ten steps is 6 and 7.
    expect(second.noise!.losses[0]).toBe(6);
  });

  it('reads a log of any bytes', async () => {
    await writeFile(
      join(out, 'metrics.jsonl'),
      Buffer.from(
        `null\n[]\n7\n{"step":"x"}\n\xff\xfe\n{"step":1}\n{"step":2,"lossByNoise":[null,"x",1]}\n\n`,
        'latin1',
      ),
    );
    await RunLog.open(out, { step: 5, steps: 10, times: { from: 0, to: 1000, label: 't' } });
    expect(await metrics()).toEqual(['{"step":1}', '{"step":2,"lossByNoise":[null,"x",1]}', '']);
  });
});
