import { MultiBar } from 'cli-progress';

/** A progress display: a bar in a terminal, now and then a line elsewhere (logs, CI). */
export interface Progress {
  /** @param details  what is shown next to the bar, for example `loss 0.0421 · 310 images/s` */
  update(done: number, details: string): void;
  /** Prints a line above the bar. */
  print(line: string): void;
  /** Shows progress of something that the rest waits for, until it is told to end. */
  inner(what: string, total: number): InnerProgress;
  stop(): void;
}

/** A progress display inside another one. */
export interface InnerProgress {
  update(done: number): void;
  end(): void;
}

/** Seconds between two lines where there is no terminal. */
const linePause = 10;

export function createProgress(what: string, total: number, start = 0): Progress {
  return process.stderr.isTTY ? barProgress(what, total, start) : lineProgress(what, total, start);
}

function barProgress(what: string, total: number, start: number): Progress {
  // A set of one bar: unlike a bar alone it can print lines above itself and leaves the cursor below.
  const bars = new MultiBar({
    format: `${what} {bar} {value}/{total} · {details} · {left}`,
    barsize: 24,
    hideCursor: true,
    clearOnComplete: false,
    stream: process.stderr,
    linewrap: false,
    fps: 8,
  });
  const left = timeLeft(total, start);
  const bar = bars.create(total, start, { details: '', left: '' });
  return {
    update: (done, details) => bar.update(done, { details, left: left(done) }),
    print: (line) => bars.log(`${line}\n`),
    inner(what, total) {
      const left = timeLeft(total, 0);
      const bar = bars.create(total, 0, { left: '' }, { format: `${what} {bar} {value}/{total} · {left}` });
      return { update: (done) => bar.update(done, { left: left(done) }), end: () => void bars.remove(bar) };
    },
    stop: () => bars.stop(),
  };
}

function lineProgress(what: string, total: number, start: number): Progress {
  const left = timeLeft(total, start);
  let lastLine = 0;
  return {
    update(done, details) {
      const remaining = left(done);
      const now = performance.now();
      if (done !== total && now - lastLine < linePause * 1000) return;
      lastLine = now;
      process.stderr.write(`${what} ${done}/${total} · ${details} · ${remaining}\n`);
    },
    print: (line) => process.stderr.write(`${line}\n`),
    inner(what, total) {
      const left = timeLeft(total, 0);
      // What is over before the first pause is not worth a line.
      let last = performance.now();
      return {
        update(done) {
          const now = performance.now();
          if (now - last < linePause * 1000) return;
          last = now;
          process.stderr.write(`${what} ${done}/${total} · ${left(done)}\n`);
        },
        end: () => {},
      };
    },
    stop: () => {},
  };
}

/** Estimates the time left, from the pace of the last minute or so. */
function timeLeft(total: number, start: number): (done: number) => string {
  let marks: { done: number; at: number }[] = [{ done: start, at: performance.now() }];
  return (done) => {
    const now = performance.now();
    if (now - marks.at(-1)!.at > 1000) marks.push({ done, at: now });
    if (marks.length > 60) marks = marks.slice(-60);
    const first = marks[0]!;
    if (done <= first.done) return 'estimating';
    return `${duration(((total - done) * (now - first.at)) / (done - first.done) / 1000)} left`;
  };
}

/** `42 s`, `3 min 5 s`, `2 h 10 min`. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
