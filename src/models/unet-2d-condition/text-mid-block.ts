import type { Tensor } from '../../core/index.ts';
import { Module, type AddedKVAttention, type Context, type ResnetBlock2D, type TextAttention } from '../../nn/index.ts';
import type { TimeEmbedding } from '../unet-2d/block.ts';
import { applyAttention } from '../unet-2d/plain-blocks.ts';

/** The lowest resolution: a residual block, and after it attention to the text and another residual block, or neither. */
export class TextMidBlock extends Module {
  readonly attentions: readonly (TextAttention | AddedKVAttention)[];
  readonly resnets: readonly ResnetBlock2D[];
  readonly #skipTimeAct: boolean;

  /**
   * @param resnets      one more than attentions
   * @param skipTimeAct  the time embedding enters the resnets as it comes, without an activation
   */
  constructor(
    resnets: readonly ResnetBlock2D[],
    attentions: readonly (TextAttention | AddedKVAttention)[],
    skipTimeAct: boolean,
  ) {
    super();
    this.attentions = attentions;
    this.resnets = resnets;
    this.#skipTimeAct = skipTimeAct;
  }

  forward(ctx: Context, x: Tensor, time: TimeEmbedding): Tensor {
    const temb = this.#skipTimeAct ? time.raw : time.activated;
    return this.resnets.reduce((h, block, i) => {
      const attention = this.attentions[i - 1];
      return block.forward(ctx, attention ? applyAttention(ctx, attention, h, time) : h, temb);
    }, x);
  }
}
