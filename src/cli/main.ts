#!/usr/bin/env node
import { watchOutput } from './closed-output.ts';
import { runCommand } from './run-command.ts';

const output = watchOutput();
process.exitCode = output.statusAfter(await runCommand(process.argv.slice(2), output));
