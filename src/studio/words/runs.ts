import { prose } from '../math.ts';
import type { Words } from '../shell/language.ts';

/** The page of the runs. */
export const runsWords = {
  lead: {
    zh: prose`\`kuosan train\` 训练时，这一页看着它：损失、学习率、速度、样本，还有这台机器。选几次训练，就在一张图里比较。`,
    en: prose`While \`kuosan train\` trains, this page watches: loss, learning rate, speed, samples, and the machine. Choose several runs to compare them in one chart.`,
  },
  title: { zh: '{folder} 里的训练', en: 'Runs in {folder}' },
  waiting: { zh: '正在问服务器…', en: 'Asking the server …' },
  noServer: {
    zh: prose`这些页面只是文件，后面没有服务器，所以看不到训练。在训练的机器上运行：`,
    en: prose`These pages are files without a server behind them, so there are no runs to see. On the machine that trains, run:`,
  },
  noAnswer: {
    zh: '服务器没有回答：kuosan studio 可能已经停了。会继续问。',
    en: 'The server does not answer: kuosan studio may have ended. The page keeps asking.',
  },
  none: {
    zh: '{folder} 里还没有训练。开始一次，它就会出现在这里：',
    en: 'There are no runs in {folder} yet. Start one, and it appears here:',
  },
  gone: {
    zh: '{folder} 里没有训练 {name}，或者已经没有了。',
    en: 'There is no run {name} in {folder}, or not any more.',
  },
  choose: { zh: '最多选 {most} 次训练来比较。', en: 'Choose up to {most} runs to compare.' },
  chosen: { zh: '显示 {name}', en: 'Show {name}' },
  progress: { zh: '进度', en: 'Progress' },
  training: { zh: '训练中', en: 'training' },
  finished: { zh: '已完成', en: 'finished' },
  stopped: { zh: '已停', en: 'stopped' },
  steps: { zh: '{step} / {steps} 步', en: 'step {step} of {steps}' },
  left: { zh: '还要约 {time}', en: 'about {time} left' },
  minutes: { zh: '{count} 分钟', en: '{count} min' },
  hours: { zh: '{count} 小时', en: '{count} h' },

  machine: { zh: '机器', en: 'Machine' },
  processors: { zh: '处理器', en: 'Processors' },
  processorsBusy: { zh: '{count} 个中有 {busy} 个在忙', en: '{busy} of {count} busy' },
  memory: { zh: '内存', en: 'Memory' },
  memoryUsed: { zh: '{all} GB 里用了 {used} GB', en: '{used} of {all} GB used' },
  takes: {
    zh: '{name} 占 {processors} 个处理器、{memory} GB',
    en: '{name} takes {processors} processors, {memory} GB',
  },

  curves: { zh: '曲线', en: 'Curves' },
  smooth: { zh: '平滑', en: 'Smoothing' },
  log: { zh: '损失用对数轴', en: 'Loss on a logarithmic axis' },
  step: { zh: '步', en: 'step' },
  loss: { zh: '损失', en: 'Loss' },
  learningRate: { zh: '学习率', en: 'Learning rate' },
  gradNorm: { zh: '梯度的范数', en: 'Norm of the gradient' },
  imagesPerSecond: { zh: '每秒图像数', en: 'Images per second' },
  otherLoss: { zh: '{name} 的损失', en: 'Loss of the {name}' },
  noMetrics: { zh: '还没有记录任何一步。', en: 'No step has been written yet.' },
  unreadable: {
    zh: '{name}：记录里有 {count} 行读不了（被中断或磁盘已满），略过了。',
    en: '{name}: {count} lines of the log cannot be read (cut short by a kill or a full disk) and are left out.',
  },

  samples: { zh: '样本', en: 'Samples' },
  sampleAt: { zh: '哪一步的样本', en: 'Samples after' },
  stepNumber: { zh: '第 {step} 步', en: 'step {step}' },
  latest: { zh: '最新', en: 'the latest' },
  sampleLabel: { zh: '{name} 在第 {step} 步的样本', en: 'Samples of {name} after step {step}' },
  noSamples: { zh: '{name} 还没有样本。', en: '{name} has no samples yet.' },

  settings: { zh: '设置', en: 'Settings' },
  differing: { zh: '不同的设置', en: 'Settings that differ' },
  allSettings: { zh: '全部设置', en: 'All settings' },
  setting: { zh: '设置', en: 'Setting' },
  same: { zh: '这些训练的设置全都一样。', en: 'These runs have the same settings.' },
  notSet: { zh: '未设', en: 'not set' },
} as const satisfies Words;
