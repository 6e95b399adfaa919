/** The form: settings shown, changed and read. */
import { samplers, type SamplerDefinition, type SamplerName } from '../diffusion/index.ts';
import { element } from './element.ts';
import {
  fromHash,
  largestSeed,
  mostGuidance,
  mostImages,
  takesEta,
  defaultEta,
  defaultSteps,
  samplerChoices,
  type Limits,
  type Settings,
} from './settings.ts';

/** The form of the page. */
export interface Controls {
  show(settings: Settings): void;
  /** @returns undefined if a field holds what it must not; the browser then says which */
  read(): Settings | undefined;
  /** While images are sampled nothing can be changed. */
  setBusy(busy: boolean): void;
}

/** @param threads  of the processor, as far as the page may use them */
export function openControls(limits: Limits, threads: number): Controls {
  const form = element('controls', HTMLFormElement);
  const fields = element('settings', HTMLFieldSetElement);
  const seed = element('seed', HTMLInputElement);
  const label = element('class', HTMLSelectElement);
  const sampler = element('sampler', HTMLSelectElement);
  const eta = element('eta', HTMLInputElement);
  const guidance = element('guidance', HTMLInputElement);
  const device = element('device', HTMLSelectElement);
  const prompt = element('prompt', HTMLInputElement);
  const negative = element('negative', HTMLInputElement);
  const styles = limits.fields.map(({ name, values }) => selectOf(name, values));
  const count = slider('count', mostImages);
  const steps = slider('steps', limits.steps);

  sampler.append(...samplerChoices().map(({ name, title }) => new Option(title, name)));
  device.append(new Option(`processor, ${threads} ${threads === 1 ? 'thread' : 'threads'}`, 'wasm'));
  if (limits.webgpu) device.append(new Option('GPU (WebGPU)', 'webgpu'));
  label.append(new Option('all in turn', ''), ...limits.classes.map((name, i) => new Option(name, String(i))));
  element('prompt-field', HTMLElement).hidden = !limits.text;
  element('negative-field', HTMLElement).hidden = !limits.text || !limits.guided;
  element('styles', HTMLElement).replaceChildren(...styles.map(({ field }) => field));
  element('towards', HTMLElement).textContent = limits.text ? 'towards the prompt' : 'towards the class';
  prompt.required = limits.text;
  element('class-field', HTMLElement).hidden = limits.classes.length === 0;
  element('guidance-field', HTMLElement).hidden = !limits.guided;
  guidance.max = String(mostGuidance);

  const showNumbers = () => {
    element('eta-value', HTMLOutputElement).value = Number(eta.value).toFixed(2);
    element('guidance-value', HTMLOutputElement).value = Number(guidance.value).toFixed(2);
  };
  const showSampler = () => {
    const name = sampler.value as SamplerName;
    element('eta-field', HTMLElement).hidden = !takesEta(name);
    element('sampler-hint', HTMLElement).textContent =
      (samplers as Record<string, SamplerDefinition>)[name]?.hint ?? '';
  };
  for (const range of [eta, guidance]) range.addEventListener('input', showNumbers);
  sampler.addEventListener('change', () => {
    steps.value = defaultSteps(sampler.value as SamplerName, limits);
    eta.value = String(defaultEta(sampler.value as SamplerName));
    showNumbers();
    showSampler();
  });
  element('dice', HTMLButtonElement).addEventListener('click', () => {
    seed.value = String(crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000);
    form.requestSubmit();
  });
  seed.max = String(largestSeed);

  return {
    show(settings) {
      prompt.value = settings.prompt;
      negative.value = settings.negativePrompt;
      for (const { select } of styles)
        select.value =
          settings.styles.find((value) => [...select.options].some((option) => option.value === value)) ?? '';
      seed.value = String(settings.seed);
      count.value = settings.count;
      sampler.value = settings.sampler;
      steps.value = settings.steps;
      eta.value = String(settings.eta);
      guidance.value = String(settings.guidance);
      label.value = settings.class === null ? '' : String(settings.class);
      device.value = settings.device;
      showNumbers();
      showSampler();
    },
    read() {
      if (!form.reportValidity()) return undefined;
      const fields = new URLSearchParams({
        prompt: prompt.value,
        negative: negative.value,
        styles: styles.map(({ select }) => select.value).join(','),
        seed: seed.value,
        count: String(count.value),
        sampler: sampler.value,
        steps: String(steps.value),
        eta: eta.value,
        class: label.value,
        guidance: guidance.value,
        device: device.value,
      });
      return fromHash(fields.toString(), limits);
    },
    setBusy(busy) {
      fields.disabled = busy;
      element('generate', HTMLButtonElement).hidden = busy;
      element('generate', HTMLButtonElement).disabled = busy;
      element('cancel', HTMLButtonElement).hidden = !busy;
    },
  };
}

/** A field of the form: one value of a field of the model's data, or any. */
function selectOf(
  name: string,
  values: readonly string[],
): { readonly field: HTMLElement; readonly select: HTMLSelectElement } {
  const [field, label, select] = [
    document.createElement('div'),
    document.createElement('label'),
    document.createElement('select'),
  ];
  field.className = 'field';
  select.id = `field-${name}`;
  label.htmlFor = select.id;
  label.textContent = name.charAt(0).toUpperCase() + name.slice(1);
  select.append(new Option('any', ''), ...values.map((value) => new Option(value, value)));
  field.append(label, select);
  return { field, select };
}

/** A range and a number field that show one value. */
function slider(id: string, most: number): { value: number } {
  const range = element(id, HTMLInputElement);
  const number = element(`${id}-number`, HTMLInputElement);
  range.max = number.max = String(most);
  range.addEventListener('input', () => {
    number.value = range.value;
  });
  number.addEventListener('input', () => {
    range.value = number.value;
  });
  return {
    get value() {
      return number.valueAsNumber;
    },
    set value(value) {
      range.value = number.value = String(value);
    },
  };
}
