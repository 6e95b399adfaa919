"""Small random text encoders as transformers and sentence-transformers save them, in test/golden/text-encoder-folders/.

    python test/golden/text-encoder-folders.py

Each folder is a whole one: configuration, weights, a tokenizer.json of its kind (WordPiece, Unigram, byte-pair encoding), pooling.
<name>.safetensors next to it holds what they make of the texts in texts.json, at most 12 tokens each:
    mask    [B, L] i64
    hidden  [B, L, D] f32, the last hidden states
    pooled  [B, P] f32, by sentence-transformers' own arithmetic where there is no network for it
ids-<kind>.json has the ids of every third text of tokenizer.py by a tokenizer of that kind.
nmt-nfkc.bin.gz is sentencepiece's map of characters by that name, which the Unigram tokenizer has.
"""

import gzip
import json
import shutil
from pathlib import Path

import sentencepiece
import torch
from safetensors.torch import load_file, save_file
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    BertConfig,
    BertModel,
    CLIPConfig,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    T5Config,
    T5ForConditionalGeneration,
)

from named_weights import weight_values
from tokenizer import captions, texts

ROOT = Path(__file__).parent / "text-encoder-folders"
LENGTH = 12
TEXTS = ["a folder with a heart", "a small red cat in the snow", "", "A Café, naïve!", "bell", "on a table under the moon at 10:45 with 3 balloons by the sea, at night", "猫 and 犬", "the golden dog"]


def learned_before(folder):
    """The tokenizer in a folder: what is learned depends on the order of ties, which is another in each run."""
    path = ROOT / folder / "tokenizer.json"
    return Tokenizer.from_file(str(path)) if path.exists() else None


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(captions(), trainers.WordPieceTrainer(vocab_size=260, special_tokens=special))
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    # As the files of real ones have it: to be overridden.
    tokenizer.enable_truncation(128)
    tokenizer.enable_padding(length=128, pad_id=0, pad_token="[PAD]")
    return tokenizer


def unigram():
    model = Path("/tmp/kuosan-unigram")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(captions()), model_prefix=str(model), vocab_size=200, model_type="unigram", normalization_rule_name="nmt_nfkc",
        pad_id=0, eos_id=1, unk_id=2, bos_id=-1, hard_vocab_limit=False, minloglevel=2,
    )
    proto = sentencepiece_model_pb2.ModelProto.FromString(model.with_suffix(".model").read_bytes())
    ROOT.mkdir(exist_ok=True)
    (ROOT / "nmt-nfkc.bin.gz").write_bytes(gzip.compress(proto.normalizer_spec.precompiled_charsmap, 9, mtime=0))
    tokenizer = Tokenizer(models.Unigram([(p.piece, p.score) for p in proto.pieces], unk_id=2))
    tokenizer.normalizer = normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens(["<pad>", "</s>", "<unk>", "<extra_id_0>"])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def byte_pairs():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    words = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(words), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    trainer = trainers.BpeTrainer(vocab_size=560, initial_alphabet=alphabet, end_of_word_suffix="</w>", special_tokens=[])
    tokenizer.train_from_iterator(captions(), trainer)
    tokenizer.add_special_tokens(["<|startoftext|>", "<|endoftext|>"])
    start, end = (tokenizer.token_to_id(t) for t in ("<|startoftext|>", "<|endoftext|>"))
    tokenizer.post_processor = processors.RobertaProcessing(("<|endoftext|>", end), ("<|startoftext|>", start), add_prefix_space=False, trim_offsets=False)
    return tokenizer


TOKENIZERS = {"word-piece": learned_before("sentence-bert") or word_piece(), "unigram": unigram(), "byte-pairs": learned_before("clip") or byte_pairs()}
SIZE = {name: tokenizer.get_vocab_size() for name, tokenizer in TOKENIZERS.items()}
END = TOKENIZERS["byte-pairs"].token_to_id("<|endoftext|>")

BERT = dict(vocab_size=SIZE["word-piece"], hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=20)
T5 = dict(vocab_size=(SIZE["unigram"] + 127) // 128 * 128, d_model=12, d_kv=6, d_ff=16, num_layers=2, num_heads=2, feed_forward_proj="gated-gelu")
CLIP = dict(vocab_size=SIZE["byte-pairs"], hidden_size=12, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, max_position_embeddings=20, projection_dim=10, bos_token_id=END - 1, eos_token_id=END, pad_token_id=END)
VISION = dict(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, image_size=8, patch_size=4)


def mean(hidden, mask):
    mask = mask.unsqueeze(-1).float()
    return (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)


def cls_max_and_root(hidden, mask):
    masked = hidden.masked_fill(mask.unsqueeze(-1) == 0, -1e9)
    present = mask.unsqueeze(-1).float()
    return torch.cat([hidden[:, 0], masked.max(1).values, (hidden * present).sum(1) / present.sum(1).sqrt()], 1)


def unit(vectors):
    return torch.nn.functional.normalize(vectors, p=2, dim=1)


def tokens(tokenizer, length):
    """Ids and mask of the texts, truncated before the end token as transformers does."""
    tokenizer = Tokenizer.from_str(tokenizer.to_str())
    tokenizer.enable_truncation(length)
    tokenizer.enable_padding(length=length, pad_id=0)
    rows = tokenizer.encode_batch(TEXTS)
    return torch.tensor([r.ids for r in rows]), torch.tensor([r.attention_mask for r in rows])


def fill(model):
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            parameter.copy_(weight_values(key, tuple(parameter.shape)).reshape(parameter.shape) if parameter.dim() else torch.tensor(2.0))
    return model.eval()


def save_tokenizer(kind, folder, **config):
    text = json.loads(TOKENIZERS[kind].to_str())
    # The map of nmt_nfkc is 300 kB: it is stored once, packed. The ids here are by the whole one.
    if text["normalizer"]["type"] == "Precompiled":
        text["normalizer"]["precompiled_charsmap"] = ""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tokenizer.json").write_text(json.dumps(text, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": int(1e30), **config}) + "\n")


def save_steps(folder, transformer, pooling, normalize, **sentence):
    steps = [("Transformer", transformer), ("Pooling", "1_Pooling"), *([("Normalize", "2_Normalize")] if normalize else [])]
    rows = [{"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"} for i, (kind, path) in enumerate(steps)]
    (folder / "modules.json").write_text(json.dumps(rows, indent=2) + "\n")
    (folder / "1_Pooling").mkdir()
    modes = {f"pooling_mode_{mode}": mode in pooling for mode in ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": 12, **modes}) + "\n")
    (folder / transformer / "sentence_bert_config.json").write_text(json.dumps(sentence) + "\n")


def keep(name, hidden, mask, pooled):
    present = mask.unsqueeze(-1)
    save_file({"mask": mask, "hidden": (hidden * present).contiguous(), "pooled": pooled.contiguous()}, ROOT / f"{name}.safetensors")
    print(f"{name}: {mask.sum(1).tolist()} tokens, |hidden| up to {hidden.abs().max():.2f}")


def sentence_bert():
    """As all-MiniLM-L6-v2 lies there."""
    model = fill(BertModel(BertConfig(**BERT)))
    ids, mask = tokens(TOKENIZERS["word-piece"], LENGTH)
    out = model(input_ids=ids, attention_mask=mask)
    folder = ROOT / "sentence-bert"
    model.save_pretrained(folder)
    save_tokenizer("word-piece", folder, model_max_length=512)
    save_steps(folder, "", ["mean_tokens"], True, max_seq_length=LENGTH, do_lower_case=False)
    keep("sentence-bert", out.last_hidden_state, mask, unit(mean(out.last_hidden_state, mask)))


def bert_in_folder():
    """With a folder for the network, three ways of pooling, weights under `bert.` and no pooler."""
    model = fill(BertModel(BertConfig(**BERT, hidden_act="relu"), add_pooling_layer=False))
    ids, mask = tokens(TOKENIZERS["word-piece"], LENGTH)
    out = model(input_ids=ids, attention_mask=mask)
    folder = ROOT / "bert-in-folder"
    model.save_pretrained(folder / "0_Transformer")
    weights = folder / "0_Transformer" / "model.safetensors"
    save_file({**{f"bert.{key}": value for key, value in load_file(weights).items()}, "cls.predictions.bias": torch.zeros(3)}, weights, {"format": "pt"})
    config = json.loads((folder / "0_Transformer" / "config.json").read_text())
    (folder / "0_Transformer" / "config.json").write_text(json.dumps({**config, "architectures": ["BertForMaskedLM"]}, indent=2) + "\n")
    save_tokenizer("word-piece", folder / "0_Transformer")
    save_steps(folder, "0_Transformer", ["cls_token", "max_tokens", "mean_sqrt_len_tokens"], False, max_seq_length=LENGTH)
    keep("bert-in-folder", out.last_hidden_state, mask, cls_max_and_root(out.last_hidden_state, mask))


def t5():
    """A whole T5 with its decoder, as the hub has them, in a folder of diffusers."""
    model = fill(T5ForConditionalGeneration(T5Config(**T5, tie_word_embeddings=False)))
    ids, mask = tokens(TOKENIZERS["unigram"], LENGTH)
    hidden = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    model.save_pretrained(ROOT / "t5" / "text_encoder")
    save_tokenizer("unigram", ROOT / "t5" / "tokenizer")
    keep("t5", hidden, mask, mean(hidden, mask))


def clip(name, model):
    fill(model)
    ids, mask = tokens(TOKENIZERS["byte-pairs"], LENGTH)
    if isinstance(model, CLIPModel):
        out = model.text_model(input_ids=ids, attention_mask=mask)
        pooled = model.text_projection(out.pooler_output)
    else:
        out = model(input_ids=ids, attention_mask=mask)
        pooled = out.text_embeds if isinstance(model, CLIPTextModelWithProjection) else out.pooler_output
    model.save_pretrained(ROOT / name)
    save_tokenizer("byte-pairs", ROOT / name, model_max_length=LENGTH)
    keep(name, out.last_hidden_state, mask, pooled)


if __name__ == "__main__":
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    for path in ROOT.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
    (ROOT / "texts.json").write_text(json.dumps(TEXTS, ensure_ascii=False) + "\n", encoding="utf-8")
    sentence_bert()
    bert_in_folder()
    t5()
    clip("clip-text", CLIPTextModel(CLIPTextConfig(**CLIP)))
    clip("clip-text-projection", CLIPTextModelWithProjection(CLIPTextConfig(**CLIP, hidden_act="gelu")))
    clip("clip", CLIPModel(CLIPConfig(text_config=CLIP, vision_config=VISION, projection_dim=6)))
    for path in [*ROOT.rglob("generation_config.json"), *ROOT.rglob("README.md")]:
        path.unlink()
    for kind in ("word-piece", "unigram"):
        tokenizer = TOKENIZERS[kind]
        tokenizer.no_truncation()
        tokenizer.no_padding()
        lines = [json.dumps([text, tokenizer.encode(text).ids], separators=(",", ":")) for text in texts()[::3]]
        (ROOT / f"ids-{kind}.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
