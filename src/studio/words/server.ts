import { prose } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** What pages say where something is not computed where it was to be. */
export const serverWords = {
  noWebGpu: {
    zh: '这个浏览器没有 WebGPU，改在处理器 (wasm) 上计算。',
    en: 'This browser has no WebGPU: it computes on the processor (wasm).',
  },
  tooLarge: {
    zh: '{name} 的权重有 {bytes} MB，超过交给浏览器的上限，所以由服务器采样。每一步的估计 x̂₀ 会传回来；x_t 和 ε̂ 留在服务器上。',
    en: 'The weights of {name} have {bytes} MB, more than a browser is given, so the server samples it. It sends its estimate x̂₀ of every step; x_t and ε̂ stay there.',
  },
  notAsked: {
    zh: '{name} 的权重有 {bytes} MB，超过交给浏览器的上限：这里只有整个数据集的答案。下面由服务器采样。',
    en: 'The weights of {name} have {bytes} MB, more than a browser is given: here is only the answer of the entire data set. Below, the server samples it.',
  },
  noServer: {
    zh: prose`这些页面只是文件，后面没有服务器能采样它。在有这个模型的机器上运行：`,
    en: prose`These pages are files, and no server is behind them to sample it. On a machine that has the model, run:`,
  },
  opening: { zh: '服务器正在打开模型…', en: 'The server opens its models …' },
  sampling: { zh: '{name}，在服务器上：{device}', en: '{name}, on the server: {device}' },
  sampled: { zh: '在服务器上采样：{device}', en: 'Sampled on the server: {device}' },
  sample: { zh: '在服务器上采样', en: 'Sample on the server' },
  prompt: { zh: '要什么样的图像', en: 'Prompt' },
  estimate: { zh: '{name}：x̂₀，走了 {share} %', en: '{name}: x̂₀, {share} % of the steps' },
  ended: { zh: '{name}：终点', en: '{name}: the end' },
  waits: { zh: '{name}：还没开始', en: '{name}: not begun' },
  progress: { zh: '走到', en: 'Progress' },
} as const satisfies Words;
