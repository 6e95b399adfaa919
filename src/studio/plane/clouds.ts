/** Point clouds in the plane: made, or drawn by hand and kept in the address. */
import { float32, RandomStream, type FloatArray } from '../../core/index.ts';

/** A point with its class, 0 or 1. */
export interface CloudPoint {
  readonly x: number;
  readonly y: number;
  readonly label: 0 | 1;
}

/** What the plane shows: −range … range on both axes. */
export const range = 2.2;
/** The clouds that are made; `own` is drawn by hand. */
export const clouds = ['moons', 'spiral', 'rings', 'blobs', 'own'] as const;
/** One of `clouds`. */
export type CloudName = (typeof clouds)[number];
/** As many as fit into an address. */
export const mostOwnPoints = 240;

const each = (count: number, make: (i: number, random: RandomStream) => Omit<CloudPoint, 'label'>) => {
  const random = new RandomStream(0, 'cloud');
  return Array.from({ length: count }, (_, i): CloudPoint => ({ ...make(i, random), label: (i % 2) as 0 | 1 }));
};
const off = (random: RandomStream) => 0.05 * random.normal();

const made: Readonly<Record<Exclude<CloudName, 'own'>, () => CloudPoint[]>> = {
  moons: () =>
    each(240, (i, random) => {
      const angle = Math.PI * random.uniform();
      const [x, y] = [Math.cos(angle), Math.sin(angle)];
      return i % 2 === 0
        ? { x: x - 0.5 + off(random), y: y - 0.25 + off(random) }
        : { x: 0.5 - x + off(random), y: 0.25 - y + off(random) };
    }),
  spiral: () =>
    each(240, (i, random) => {
      const turn = 0.4 + 1.5 * Math.sqrt(random.uniform());
      const side = i % 2 === 0 ? 1 : -1;
      return {
        x: side * 0.9 * turn * Math.cos(Math.PI * turn) + off(random),
        y: side * 0.9 * turn * Math.sin(Math.PI * turn) + off(random),
      };
    }),
  rings: () =>
    each(240, (i, random) => {
      const [angle, radius] = [2 * Math.PI * random.uniform(), i % 2 === 0 ? 0.6 : 1.5];
      return { x: radius * Math.cos(angle) + off(random), y: radius * Math.sin(angle) + off(random) };
    }),
  blobs: () =>
    each(240, (i, random) => {
      const angle = (2 * Math.PI * (i % 6)) / 6;
      return { x: 1.4 * Math.cos(angle) + 2 * off(random), y: 1.4 * Math.sin(angle) + 2 * off(random) };
    }),
};

/** The points of a cloud. @param own  what was drawn, as `writePoints` keeps it */
export function cloudOf(name: CloudName, own: string): readonly CloudPoint[] {
  return name === 'own' ? readPoints(own) : made[name]();
}

const digits = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_';
const steps = digits.length - 1;

/** Points as an address keeps them: two characters each, to 1/63 of the plane; the classes one after the other. */
export function writePoints(points: readonly CloudPoint[]): string {
  const digit = (v: number) =>
    digits[Math.round(((Math.min(range, Math.max(-range, v)) + range) / (2 * range)) * steps)]!;
  return [0, 1]
    .map((label) =>
      points
        .filter((point) => point.label === label)
        .map(({ x, y }) => digit(x) + digit(y))
        .join(''),
    )
    .join('.');
}

/** The points that a text keeps; what is none is left out. */
export function readPoints(text: string): CloudPoint[] {
  const value = (digit: string) => (digits.indexOf(digit) / steps) * 2 * range - range;
  return text
    .split('.', 2)
    .flatMap((part, label) =>
      (part.match(/[\w-]{2}/g) ?? []).map((pair) => ({
        x: value(pair[0]!),
        y: value(pair[1]!),
        label: label as 0 | 1,
      })),
    );
}

/** [N, 2] */
export function tensorOfPoints(points: readonly CloudPoint[]): FloatArray {
  return float32(
    [points.length, 2],
    points.flatMap(({ x, y }) => [x, y]),
  );
}
