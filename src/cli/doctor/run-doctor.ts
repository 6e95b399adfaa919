import { availableParallelism } from 'node:os';
import { styleText } from 'node:util';
import { examineDevices } from './examine-devices.ts';
import { examineMachine } from './examine-machine.ts';
import type { Finding } from './finding.ts';

/** The options of `kuosan doctor`. */
export interface DoctorOptions {
  readonly json: boolean;
}

/** Looks at everything that decides what kuosan can do here, and prints it. What is missing is a finding, not a failure. */
export async function runDoctor({ json }: DoctorOptions): Promise<void> {
  const { findings: devices, auto } = await examineDevices({ threads: availableParallelism() });
  const findings = [...(await examineMachine()), ...devices];
  if (json) {
    process.stdout.write(`${JSON.stringify({ findings, auto }, null, 2)}\n`);
    return;
  }
  const isColored = process.stdout.isTTY && !process.env['NO_COLOR'];
  process.stdout.write(`${formatFindings(findings, { isColored })}\n\n--device auto computes on: ${auto}\n`);
}

const marks = { ok: 'ok', limited: 'limited', missing: 'missing' } as const;
const colors = { ok: 'green', limited: 'yellow', missing: 'yellow' } as const;

/** A table: what, how it stands, and below what is not fine, the way to get it. */
export function formatFindings(findings: readonly Finding[], { isColored }: { isColored: boolean }): string {
  const color = (name: 'green' | 'yellow' | 'dim', text: string) =>
    isColored ? styleText(name, text, { validateStream: false }) : text;
  const widest = Math.max(...findings.map(({ name }) => name.length));
  return findings
    .flatMap(({ name, status, text, remedy }) => [
      `${color(colors[status], marks[status].padEnd(8))} ${name.padEnd(widest)}  ${text}`,
      ...(remedy === undefined ? [] : [`${' '.repeat(widest + 9)}  ${color('dim', `→ ${remedy}`)}`]),
    ])
    .join('\n');
}
