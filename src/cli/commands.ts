import type { Command } from 'commander';
import * as classify from './clip/classify.ts';
import * as compare from './sample/compare.ts';
import * as data from './data/data.ts';
import * as demo from './train/demo.ts';
import * as doctor from './doctor/doctor.ts';
import * as edit from './sample/edit.ts';
import * as embed from './clip/embed.ts';
import * as evaluate from './measure/evaluate.ts';
import * as exporting from './export/export.ts';
import * as forward from './sample/forward.ts';
import * as interpolate from './sample/interpolate.ts';
import * as lossByNoise from './measure/loss-by-noise.ts';
import * as probe from './measure/probe.ts';
import * as sample from './sample/sample.ts';
import * as search from './clip/search.ts';
import * as settings from './list/settings.ts';
import * as tokenizer from './clip/tokenizer.ts';
import * as train from './train/train.ts';
import * as zeroShot from './measure/zero-shot.ts';

/** Adds every command, in the order of the help. */
export function registerCommands(program: Command): void {
  for (const command of [
    demo,
    train,
    sample,
    evaluate,
    edit,
    interpolate,
    compare,
    lossByNoise,
    exporting,
    forward,
    data,
    tokenizer,
    classify,
    search,
    embed,
    zeroShot,
    probe,
    settings,
    doctor,
  ])
    command.register(program);
}
