/** The page: samples a model in the visitor's browser. */
import type { HostArray } from '../core/index.ts';
import { classConditions, describeProcess, fullSampling, initialNoise, networkProcess } from '../diffusion/index.ts';
import { sampleStreams } from '../pipelines/index.ts';
import { openControls, type Controls } from './controls.ts';
import { element } from './element.ts';
import { fetchModel, fetchWeights, openNetwork, type OpenNetwork } from './network.ts';
import type { PageModel } from './page-model.ts';
import { Reel } from './reel.ts';
import { fromHash, takesEta, toHash, type Limits, type Settings } from './settings.ts';
import { openStage, type Stage } from './stage.ts';
import { openTheme } from './theme.ts';
import { pageTimes, type PageTimes } from './times.ts';

/**
 * Images computed together. On one thread of a processor twice as many take twice as long, so few is sooner to see and
 * sooner to cancel; enough to keep several threads busy.
 */
const together = 4;

element('unserved', HTMLElement).remove();
for (const part of document.querySelectorAll('body > [hidden]:not(#problem)')) part.removeAttribute('hidden');
openTheme(element('theme', HTMLButtonElement));
run().catch(showProblem);

async function run(): Promise<void> {
  const model = await fetchModel();
  showModel(model);
  const process = networkProcess(model.scheduler);
  const times = pageTimes(process);
  const limits: Limits = {
    steps: times.mostSteps,
    classes: model.classes?.names ?? [],
    guided: (model.classes?.nullClass ?? null) !== null,
    webgpu: await hasWebGpu(),
    sampling: fullSampling(process, {}, model.sampling),
  };
  const controls = openControls(limits, crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1);
  const stage = openStage(times);
  const page = new Page(model, { controls, stage, limits, times });
  const settings = fromHash(location.hash, limits);
  controls.show(settings);
  addEventListener('hashchange', () => {
    if (!page.busy) controls.show(fromHash(location.hash, limits));
  });
  await page.prepare(settings);
  element('controls', HTMLFormElement).requestSubmit();
}

/** What a page is made of. */
interface PageParts {
  readonly controls: Controls;
  readonly stage: Stage;
  readonly limits: Limits;
  readonly times: PageTimes;
}

/** What is in memory, and what is going on. */
class Page {
  readonly #model: PageModel;
  readonly #controls: Controls;
  readonly #stage: Stage;
  readonly #limits: Limits;
  readonly #times: PageTimes;
  #weights: Promise<Map<string, HostArray>> | undefined;
  #network: OpenNetwork | undefined;
  #openOn: Settings['device'] | undefined;
  #running: AbortController | undefined;

  constructor(model: PageModel, { controls, stage, limits, times }: PageParts) {
    this.#model = model;
    this.#controls = controls;
    this.#stage = stage;
    this.#limits = limits;
    this.#times = times;
    element('controls', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const settings = controls.read();
      if (settings && !this.busy) void this.#draw(settings);
    });
    element('cancel', HTMLButtonElement).addEventListener('click', () => {
      showStatus('Stopping after this step …');
      this.#running?.abort();
    });
    element('download', HTMLButtonElement).addEventListener('click', () => void this.#download().catch(showProblem));
    element('share', HTMLButtonElement).addEventListener('click', () => void this.#share());
  }

  get busy(): boolean {
    return this.#running !== undefined;
  }

  /** Shows the noise that images of these settings come out of. */
  #blank({ seed, count, steps }: Settings): Reel {
    const streams = sampleStreams(
      seed,
      Array.from({ length: count }, (_, i) => i),
    );
    // The noise is shown as bright as images are, whatever a process begins with.
    const reel = new Reel(initialNoise([count, ...this.#model.imageShape], streams), steps, this.#times.scale);
    this.#stage.begin(reel);
    return reel;
  }

  /** Loads the weights, so that sampling starts at once. */
  async prepare(settings: Settings): Promise<void> {
    this.#blank(settings);
    await this.#load();
    element('settings', HTMLFieldSetElement).disabled = false;
    element('generate', HTMLButtonElement).disabled = false;
  }

  #load(): Promise<Map<string, HostArray>> {
    const total = this.#model.weights.bytes;
    this.#weights ??= fetchWeights(this.#model, (bytes) =>
      showStatus(`Loading the network: ${megabytes(bytes)} of ${megabytes(total)}`),
    );
    return this.#weights;
  }

  async #draw(settings: Settings): Promise<void> {
    const running = (this.#running = new AbortController());
    const progress = element('progress', HTMLProgressElement);
    this.#controls.setBusy(true);
    showProblem(undefined);
    showStatus('Sampling …');
    history.replaceState(null, '', toHash(settings, this.#limits));
    progress.removeAttribute('value');
    progress.hidden = false;
    const { seed, count, sampler, steps, eta, class: label, guidance } = settings;
    const reel = this.#blank(settings);
    // On a small screen the form may hide it.
    element('stage', HTMLElement).scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    try {
      const network = await this.#open(settings.device);
      const images = await network.sampler(Math.min(together, count));
      const { classes } = this.#model;
      const conditions =
        classes === null
          ? {}
          : classConditions(Array.from({ length: count }, (_, i) => label ?? i % classes.names.length));
      const start = performance.now();
      let firstStep = 0;
      const asked = {
        seed,
        count,
        sampler,
        steps,
        conditions,
        guidanceScale: guidance,
        signal: running.signal,
        ...(takesEta(sampler) && { eta }),
      };
      for await (const state of images.sample(asked)) {
        reel.add(state);
        this.#stage.follow();
        progress.value = state.stepsDone / state.stepsTotal;
        if (firstStep === 0) firstStep = performance.now();
        showStatus(pace(state.stepsDone, state.stepsTotal, performance.now() - firstStep, running.signal.aborted));
      }
      const seconds = (performance.now() - start) / 1000;
      showStatus(`${count} ${count === 1 ? 'image' : 'images'} in ${seconds.toFixed(1)} s on ${network.device}.`);
    } catch (error) {
      if (running.signal.aborted) showStatus('Stopped.');
      else {
        showStatus('');
        showProblem(error);
        // An engine that has failed once is opened anew.
        await this.#close();
      }
    } finally {
      this.#running = undefined;
      progress.hidden = true;
      this.#controls.setBusy(false);
    }
  }

  async #open(device: Settings['device']): Promise<OpenNetwork> {
    if (this.#network && this.#openOn === device) return this.#network;
    await this.#close();
    const weights = await this.#load();
    showStatus('Starting the engine …');
    this.#openOn = device;
    return (this.#network = await openNetwork(this.#model, weights, device));
  }

  async #close(): Promise<void> {
    const network = this.#network;
    this.#network = undefined;
    await network?.dispose().catch(() => {});
  }

  async #download(): Promise<void> {
    const url = URL.createObjectURL(await this.#stage.png());
    const link = document.createElement('a');
    link.href = url;
    link.download = `${this.#model.name}${location.hash}.png`.replaceAll(/[^\w.]+/g, '-');
    link.click();
    setTimeout(() => URL.revokeObjectURL(url), 60_000);
  }

  async #share(): Promise<void> {
    const settings = this.#controls.read();
    if (settings) history.replaceState(null, '', toHash(settings, this.#limits));
    try {
      await navigator.clipboard.writeText(location.href);
      showStatus('The link is copied: it shows the same images to anyone.');
    } catch {
      // Browsers give the clipboard to secure pages only.
      showStatus('The address bar has the link.');
    }
  }
}

function showModel({
  name,
  summary,
  license,
  parameters,
  imageShape: [, height, width],
  scheduler,
  weights,
}: PageModel): void {
  document.title = name;
  element('title', HTMLElement).textContent = name;
  element('summary', HTMLElement).textContent = summary ?? '';
  const facts: Record<string, string | undefined> = {
    Network: `UNet2DModel, ${parameters.toLocaleString('en-US')} parameters`,
    Images: `${width} × ${height} pixels`,
    Process: describeProcess(scheduler),
    Weights: `${weights.dtype}, ${megabytes(weights.bytes)}`,
    License: license,
  };
  element('facts', HTMLElement).replaceChildren(
    ...Object.entries(facts).flatMap(([term, value]) => {
      if (value === undefined) return [];
      const entry = document.createElement('div');
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
      dt.textContent = term;
      dd.textContent = value;
      entry.append(dt, dd);
      return [entry];
    }),
  );
}

function showStatus(text: string): void {
  element('status', HTMLElement).textContent = text;
}

function showProblem(error: unknown): void {
  const problem = element('problem', HTMLElement);
  problem.hidden = error === undefined;
  problem.textContent = error instanceof Error ? error.message.replace(/\s+/g, ' ') : String(error);
}

/** `step 12 of 50 · 6.3 steps/s · 6 s left`; the first step also warms up, so it does not count. */
function pace(done: number, total: number, sinceFirst: number, stopping: boolean): string {
  if (stopping) return 'Stopping …';
  const rate = (done - 1) / (sinceFirst / 1000);
  const parts = [`Step ${done} of ${total}`];
  if (done > 1)
    parts.push(`${rate < 10 ? rate.toFixed(1) : rate.toFixed(0)} steps/s`, `${duration((total - done) / rate)} left`);
  return parts.join(' · ');
}

function duration(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

async function hasWebGpu(): Promise<boolean> {
  const { gpu } = navigator as Navigator & { readonly gpu?: { requestAdapter(): Promise<unknown> } };
  return gpu !== undefined && (await gpu.requestAdapter().catch(() => null)) !== null;
}
