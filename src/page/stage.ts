/** The images, and the scrubber over the steps in which they came to be. */
import { element } from './element.ts';
import { paint, toPng } from './paint.ts';
import type { Reel } from './reel.ts';
import type { PageTimes } from './times.ts';

/** How long all steps take when they are played, and a single one at most. */
const playing = { whole: 3000, step: 250 } as const;

/** The stage of the page. */
export interface Stage {
  /** Empties it for new samples. */
  begin(reel: Reel): void;
  /** Shows what has been added to the reel, unless the visitor looks at an earlier step. */
  follow(): void;
  /** What is shown, as a PNG. */
  png(): Promise<Blob>;
}

/** @param times  how the model's process counts */
export function openStage(times: PageTimes): Stage {
  const xt = element('xt', HTMLCanvasElement);
  const x0 = element('x0', HTMLCanvasElement);
  const scrub = element('scrub', HTMLInputElement);
  const play = element('play', HTMLButtonElement);
  const download = element('download', HTMLButtonElement);
  let reel: Reel | undefined;
  let following = true;
  let timer: ReturnType<typeof setInterval> | undefined;

  const show = () => {
    if (!reel) return;
    const step = scrub.valueAsNumber;
    paint(xt, reel, step, 'xt');
    paint(x0, reel, step, 'x0');
    // Where the images are sampled in several batches, the first is the furthest.
    const time = times.label(reel.frame(0, step)?.t);
    element('xt-time', HTMLElement).textContent = time;
    element('moment', HTMLOutputElement).value = `step ${step} of ${reel.steps}, ${times.symbol} = ${time}`;
    scrub.setAttribute(
      'aria-valuetext',
      `step ${step} of ${reel.steps}, ${times.symbol === 'σ' ? 'noise level' : 'time'} ${time} of ${times.first}`,
    );
  };
  const stop = () => {
    clearInterval(timer);
    timer = undefined;
    delete play.dataset['playing'];
  };

  scrub.addEventListener('input', () => {
    stop();
    following = scrub.value === scrub.max;
    show();
  });
  play.addEventListener('click', () => {
    if (timer !== undefined) return stop();
    if (scrub.value === scrub.max) scrub.value = scrub.min;
    following = false;
    play.dataset['playing'] = '';
    timer = setInterval(
      () => {
        scrub.value = String(scrub.valueAsNumber + 1);
        show();
        if (scrub.value === scrub.max) stop();
      },
      Math.min(playing.step, playing.whole / Number(scrub.max)),
    );
    return undefined;
  });

  return {
    begin(next) {
      stop();
      reel = next;
      following = true;
      scrub.max = scrub.value = '0';
      scrub.disabled = play.disabled = download.disabled = true;
      show();
    },
    follow() {
      const furthest = reel!.furthest;
      scrub.disabled = play.disabled = download.disabled = false;
      scrub.max = String(furthest);
      if (following) scrub.value = scrub.max;
      show();
    },
    png: () => toPng(xt),
  };
}
