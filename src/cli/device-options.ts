import { availableParallelism } from 'node:os';
import { Option, type Command } from 'commander';
import type { DeviceChoice } from '../runtime/node.ts';
import { choiceOption, integerOption } from './options.ts';

/** Where a command computes. */
export interface DeviceOptions {
  readonly device: DeviceChoice;
  readonly threads: number;
  /** Whether its threads spin while they wait; see `NodeExecutorOptions`. */
  readonly spin: boolean;
}

/** The runtime's choices, written out: importing them would load the engine for `--help`. */
const devices = ['auto', 'cpu', 'webgpu', 'cuda'] as const satisfies readonly DeviceChoice[];

/** Adds `--device` and `--threads` to a command. */
export function addDeviceOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--device <name>',
        'cpu, webgpu or cuda; auto takes a GPU if its results are correct and it is at least twice as fast, else the CPU',
      )
        .argParser(choiceOption('device', devices))
        .env('KUOSAN_DEVICE')
        .default('auto'),
    )
    .addOption(
      new Option('--threads <n>', 'CPU threads')
        .argParser(integerOption('--threads', 1, 1024))
        .env('KUOSAN_THREADS')
        .default(availableParallelism()),
    )
    .option('--no-spin', 'let waiting threads sleep: slower alone, kinder to other programs on the machine');
}
