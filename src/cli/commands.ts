import type { Command } from 'commander';
import * as classify from './clip/classify.ts';
import * as embed from './clip/embed.ts';
import * as search from './clip/search.ts';
import * as tokenizer from './clip/tokenizer.ts';
import * as completion from './completion/completion.ts';
import * as data from './data/data.ts';
import * as doctor from './doctor/doctor.ts';
import * as assemble from './export/assemble.ts';
import * as exporting from './export/export.ts';
import * as models from './list/models.ts';
import * as presets from './list/presets.ts';
import * as runs from './list/runs.ts';
import * as settings from './list/settings.ts';
import * as evaluate from './measure/evaluate.ts';
import * as lossByNoise from './measure/loss-by-noise.ts';
import * as probe from './measure/probe.ts';
import * as zeroShot from './measure/zero-shot.ts';
import * as compare from './sample/compare.ts';
import * as edit from './sample/edit.ts';
import * as forward from './sample/forward.ts';
import * as interpolate from './sample/interpolate.ts';
import * as sample from './sample/sample.ts';
import * as variations from './sample/variations.ts';
import * as serve from './serve/serve.ts';
import * as studio from './studio/studio.ts';
import * as demo from './train/demo.ts';
import * as train from './train/train.ts';

/** The commands as `kuosan --help` groups them: what a person wants, and in a group what comes first. */
const groups = {
  Make: [demo, train, sample, edit, variations, interpolate, tokenizer],
  Measure: [evaluate, compare, lossByNoise, zeroShot, probe],
  Understand: [studio, forward, data, classify, search, embed],
  Ship: [serve, exporting, assemble, doctor],
  Inspect: [models, presets, runs, settings, completion],
} as const;

/** Adds every command to the program, under the heading of its group. */
export function registerCommands(program: Command): void {
  for (const [title, commands] of Object.entries(groups)) {
    program.commandsGroup(`${title}:`);
    for (const command of commands) command.register(program);
  }
}
