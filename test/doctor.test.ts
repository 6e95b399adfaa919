import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { missing, type Finding } from '../src/cli/doctor/finding.ts';
import { formatFindings } from '../src/cli/doctor/run-doctor.ts';
import { kuosan } from './kuosan.ts';

const cwd = mkdtempSync(join(tmpdir(), 'kuosan-doctor-'));
afterAll(() => rmSync(cwd, { recursive: true, force: true }));

describe('kuosan doctor', () => {
  test('looks at everything and ends well, whatever is missing', async () => {
    const [told, asJson] = [await kuosan(['doctor'], { cwd }), await kuosan(['doctor', '--json'], { cwd })];
    expect([told.status, told.stderr, asJson.status, asJson.stderr]).toEqual([0, '', 0, '']);
    const { findings, auto } = JSON.parse(asJson.stdout) as { findings: Finding[]; auto: string };
    expect(findings.map(({ name }) => name)).toEqual([
      'processor',
      'memory',
      'Node.js',
      'images',
      'cache',
      'this folder',
      'terminal',
      'ONNX Runtime',
      'kernels',
      'WebGPU',
      'CUDA',
    ]);
    const ofName = Object.fromEntries(findings.map((finding) => [finding.name, finding]));
    expect(ofName['Node.js']).toEqual({ name: 'Node.js', status: 'ok', text: process.versions.node });
    expect(ofName['ONNX Runtime']!.text).toMatch(/^onnxruntime-node \d+\.\d+\.\d+$/);
    expect(ofName['cache']!.text).toContain(join(cwd, '.cache'));
    // What is missing comes with the way to get it.
    for (const { status, remedy } of findings) if (status === 'missing') expect(remedy).toBeTruthy();
    expect(auto).toMatch(/^(cpu|webgpu) \(.+\)$/);
    // Every name is the second word of a line, after how it stands.
    for (const { name, status } of findings) expect(told.stdout).toMatch(new RegExp(`^${status} +${name} `, 'm'));
    expect(told.stdout.trim().split('\n').at(-1)).toBe(`--device auto computes on: ${auto}`);
  });
});

test('a finding is a line, and a hint another', () => {
  const findings = [
    { name: 'memory', status: 'ok', text: '8 GiB' },
    missing('WebGPU', 'no graphics adapter; install a driver; or none'),
  ] as const;
  expect(formatFindings(findings, { isColored: false }).split('\n')).toEqual([
    'ok       memory  8 GiB',
    'missing  WebGPU  no graphics adapter',
    '                 → install a driver; or none',
  ]);
});
