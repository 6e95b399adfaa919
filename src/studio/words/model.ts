import type { Words } from '../shell/language.ts';

/** What pages say while they fetch a model and compute with it. */
export const modelWords = {
  model: { zh: '模型', en: 'Model' },
  device: { zh: '计算', en: 'Compute on' },
  deviceAuto: { zh: '自动', en: 'Automatic' },
  deviceWasm: { zh: '处理器 (wasm)', en: 'Processor (wasm)' },
  deviceWebgpu: { zh: '显卡 (WebGPU)', en: 'GPU (WebGPU)' },
  fetching: { zh: '正在下载模型 {name}：{bytes} MB', en: 'Fetching {name}: {bytes} MB' },
  starting: { zh: '正在启动引擎…', en: 'Starting the engine …' },
  runsOn: { zh: '在 {device} 上计算', en: 'Computed on {device}' },
  tooLarge: {
    zh: '{name} 有 {bytes} MB，这个服务器不把它发给浏览器；这样可以：kuosan studio --browser-limit {limit}',
    en: '{name} takes {bytes} MB, which this server does not send to a browser; let it: kuosan studio --browser-limit {limit}',
  },
  run: { zh: '运行', en: 'Run' },
  stop: { zh: '停止', en: 'Stop' },
  ask: { zh: '问网络', en: 'Ask the network' },
  fetchNote: {
    zh: '第一次运行时取模型（约 {bytes} MB）和引擎。',
    en: 'The first run fetches the model (about {bytes} MB) and the engine.',
  },
} as const satisfies Words;
