/** The page: samples a model in the visitor's browser. */
import type { ModelFiles } from '../checkpoint/browser.ts';
import { initialNoise } from '../diffusion/index.ts';
import type { GenerateRequest, GeneratorInputs } from '../generators/index.ts';
import { sampleStreams } from '../pipelines/index.ts';
import { openControls, type Controls } from './controls.ts';
import { element } from './element.ts';
import { fetchModel, modelFiles, openNetwork, type OpenNetwork } from './network.ts';
import type { PageModel } from './page-model.ts';
import { Reel, type ReelState } from './reel.ts';
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
  const webgpu = await hasWebGpu();
  const files = await loadFiles(model);
  const device = webgpu && new URLSearchParams(location.hash.slice(1)).get('device') === 'webgpu' ? 'webgpu' : 'wasm';
  const opened = new Opened(files);
  const { model: denoiser, takes, defaults } = await (await opened.on(device)).generator(together);
  const times = pageTimes(denoiser.process);
  const limits: Limits = {
    steps: times.mostSteps,
    classes: takes.classes
      ? (takes.classes.names ?? Array.from({ length: takes.classes.count }, (_, i) => String(i)))
      : [],
    text: takes.text !== undefined,
    prompt: model.prompt ?? '',
    fields: takes.styles ?? [],
    guided: takes.guidance,
    webgpu,
    sampling: Object.values(defaults)[0] as Limits['sampling'],
  };
  const controls = openControls(limits, crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1);
  const stage = openStage(times);
  const page = new Page(model, opened, { controls, stage, limits, times });
  const settings = fromHash(location.hash, limits);
  controls.show(settings);
  addEventListener('hashchange', () => {
    if (!page.busy) controls.show(fromHash(location.hash, limits));
  });
  page.begin(settings);
  if (limits.text && settings.prompt === '') {
    showStatus('Say what the image should show, then generate.');
    element('prompt', HTMLInputElement).focus();
  } else element('controls', HTMLFormElement).requestSubmit();
}

/** Loads all files that the model needs, so that sampling starts at once. */
async function loadFiles(model: PageModel): Promise<ModelFiles> {
  // The card is for people.
  const needed = Object.entries(model.files).filter(([path]) => !path.endsWith('.md'));
  const total = needed.reduce((sum, [, bytes]) => sum + bytes, 0);
  const files = modelFiles(model, (bytes) =>
    showStatus(`Loading the network: ${megabytes(bytes)} of ${megabytes(total)}`),
  );
  await Promise.all(needed.map(([path]) => files.read(path)));
  return files;
}

/** The model on the device that was last asked for. */
class Opened {
  readonly #files: ModelFiles;
  #network: OpenNetwork | undefined;
  #device: Settings['device'] | undefined;

  constructor(files: ModelFiles) {
    this.#files = files;
  }

  async on(device: Settings['device']): Promise<OpenNetwork> {
    if (this.#network && this.#device === device) return this.#network;
    await this.close();
    showStatus('Starting the engine …');
    this.#device = device;
    return (this.#network = await openNetwork(this.#files, device));
  }

  async close(): Promise<void> {
    const network = this.#network;
    this.#network = undefined;
    await network?.dispose().catch(() => {});
  }
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
  readonly #opened: Opened;
  #running: AbortController | undefined;

  constructor(model: PageModel, opened: Opened, { controls, stage, limits, times }: PageParts) {
    this.#model = model;
    this.#opened = opened;
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

  /** Lets the visitor choose. */
  begin(settings: Settings): void {
    this.#blank(settings);
    element('settings', HTMLFieldSetElement).disabled = false;
    element('generate', HTMLButtonElement).disabled = false;
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
    const { count } = settings;
    const reel = this.#blank(settings);
    // On a small screen the form may hide it.
    element('stage', HTMLElement).scrollIntoView({ block: 'nearest', behavior: 'smooth' });
    try {
      const network = await this.#opened.on(settings.device);
      const generator = await network.generator(Math.min(together, count));
      const request = requestOf(settings, generator.takes, running.signal);
      const notes = generator.notesOn?.(request) ?? [];
      const start = performance.now();
      let firstStep = 0;
      for await (const state of generator.generate(request)) {
        // What a page is exported from is one denoiser, whose every step tells all of it.
        reel.add(state as ReelState);
        this.#stage.follow();
        progress.value = state.done / state.total;
        if (firstStep === 0) firstStep = performance.now();
        showStatus(pace(state.done, state.total, performance.now() - firstStep, running.signal.aborted));
      }
      const seconds = (performance.now() - start) / 1000;
      showStatus(
        `${count} ${count === 1 ? 'image' : 'images'} in ${seconds.toFixed(1)} s on ${network.device}.${notes.map((note) => ` Note: ${note}.`).join('')}`,
      );
    } catch (error) {
      if (running.signal.aborted) showStatus('Stopped.');
      else {
        showStatus('');
        showProblem(error);
        // An engine that has failed once is opened anew.
        await this.#opened.close();
      }
    } finally {
      this.#running = undefined;
      progress.hidden = true;
      this.#controls.setBusy(false);
    }
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

/** What a visitor asks the generator for. */
function requestOf(
  { seed, count, sampler, steps, eta, class: label, guidance, prompt, negativePrompt, styles }: Settings,
  takes: GeneratorInputs,
  signal: AbortSignal,
): GenerateRequest {
  return {
    seed,
    count,
    signal,
    sampling: { sampler, steps, guidanceScale: guidance, ...(takesEta(sampler) && { eta }) },
    ...(label !== null && { classes: [label] }),
    ...(prompt !== '' && { prompts: [prompt] }),
    ...(negativePrompt !== '' && { negativePrompts: [negativePrompt] }),
    ...(takes.styles && { styles: [styles.join(', ')] }),
  };
}

function showModel({
  name,
  summary,
  license,
  parameters,
  imageShape: [, height, width],
  process,
  dtype,
  files,
}: PageModel): void {
  document.title = name;
  element('title', HTMLElement).textContent = name;
  element('summary', HTMLElement).textContent = summary ?? '';
  const bytes = Object.entries(files).reduce(
    (sum, [path, size]) => sum + (path.endsWith('.safetensors') ? size : 0),
    0,
  );
  const facts: Readonly<Record<string, string | undefined>> = {
    Network: `${parameters.toLocaleString('en-US')} parameters`,
    Images: `${width} × ${height} pixels`,
    Process: process,
    Weights: `${dtype}, ${megabytes(bytes)}`,
    License: license,
  };
  for (const [term, value] of Object.entries(facts)) {
    if (value === undefined) continue;
    const entry = document.createElement('div');
    const [dt, dd] = [document.createElement('dt'), document.createElement('dd')];
    dt.textContent = term;
    dd.textContent = value;
    entry.append(dt, dd);
    element('facts', HTMLElement).append(entry);
  }
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
