/** What configurations of transformers have in common. */
import { isObject, type JsonObject } from '../formats/json-object.ts';
import { fromHuggingFace } from './config.ts';

/**
 * Keys of every configuration of transformers that change nothing in an encoder: names, what a generator of text would
 * do, how results are returned, and dropout that was never built.
 */
const withoutEffect = new Set([
  'architectures',
  'attn_implementation',
  'bad_words_ids',
  'begin_suppress_tokens',
  'chunk_size_feed_forward',
  'cross_attention_hidden_size',
  'decoder_start_token_id',
  'diversity_penalty',
  'do_sample',
  'dropout',
  'dtype',
  'early_stopping',
  'encoder_no_repeat_ngram_size',
  'exponential_decay_length_penalty',
  'finetuning_task',
  'forced_bos_token_id',
  'forced_eos_token_id',
  'gradient_checkpointing',
  'id2label',
  'is_encoder_decoder',
  'label2id',
  'length_penalty',
  'max_length',
  'min_length',
  'model_type',
  'no_repeat_ngram_size',
  'num_beam_groups',
  'num_beams',
  'num_labels',
  'num_return_sequences',
  'output_attentions',
  'output_hidden_states',
  'output_scores',
  'prefix',
  'problem_type',
  'remove_invalid_values',
  'repetition_penalty',
  'return_dict',
  'return_dict_in_generate',
  'sep_token_id',
  'suppress_tokens',
  'task_specific_params',
  'temperature',
  'tf_legacy_loss',
  'tie_encoder_decoder',
  'tie_word_embeddings',
  'tokenizer_class',
  'top_k',
  'top_p',
  'torch_dtype',
  'torchscript',
  'transformers_version',
  'typical_p',
  'use_bfloat16',
  'use_cache',
]);

/** Options that change nothing only where they are off. */
const offOnly = new Set(['add_cross_attention', 'is_decoder', 'pruned_heads']);

function isOff(value: unknown): boolean {
  return value === null || value === false || (isObject(value) && Object.keys(value).length === 0);
}

/**
 * A configuration of transformers without the keys that change nothing, in camelCase.
 *
 * @param drop  further keys to leave out
 */
export function transformersConfig(json: JsonObject, drop: ReadonlySet<string> = new Set()): Record<string, unknown> {
  return fromHuggingFace(
    Object.fromEntries(
      Object.entries(json).filter(
        ([key, value]) => !withoutEffect.has(key) && !drop.has(key) && !(offOnly.has(key) && isOff(value)),
      ),
    ),
  );
}
