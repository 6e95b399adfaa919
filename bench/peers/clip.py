"""The PyTorch side of the CLIP benchmark: transformers' CLIPModel behind lines of JSON.

    python bench/peers/clip.py '{"threads": 2, "batch": 64, "variant": "eager", "text": {...}, "vision": {...}}'

Every key of the argument is optional; unknown keys are errors.
    text, vision   CLIPTextConfig and CLIPVisionConfig arguments; default: the 4,767,617-parameter network of docs/performance.md
    projection     width of the embeddings, default 128
    batch          images and texts in a batch, default 64
    threads        default 2
    variant        "eager" | "channels_last" | "compile"
    lr             AdamW's learning rate, default 2e-4;  ema_decay  default 0.9999;  seed  default 0
    warmup         untimed runs before the first timed run of each command, default 2

The protocol is that of unet2d.py.

image   the embeddings of a batch of images under inference_mode.
train   forward of both towers, the contrastive loss, backward, clip_grad_norm_(1.0), AdamW, EMA of every parameter
        (torch._foreach_lerp_), the temperature brought back below 100.
"""

import math
import sys

from lines_of_json import answer, fail, opened, read_options, serve, timed_commands

TEXT = {
    "vocab_size": 2500, "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4, "num_attention_heads": 2,
    "max_position_embeddings": 32, "bos_token_id": 2498, "eos_token_id": 2499, "pad_token_id": 2499,
}
VISION = {"hidden_size": 192, "intermediate_size": 768, "num_hidden_layers": 8, "num_attention_heads": 3, "image_size": 64, "patch_size": 8}
DEFAULTS = {"text": TEXT, "vision": VISION, "projection": 128, "batch": 64, "threads": 2, "variant": "eager", "lr": 2e-4, "ema_decay": 0.9999, "seed": 0, "warmup": 2}
VARIANTS = ("eager", "channels_last", "compile")

options = read_options(DEFAULTS, VARIANTS)

try:
    import torch
    from transformers import CLIPConfig, CLIPModel
except ImportError as error:
    fail(f"{error}; install torch and transformers for {sys.executable}")


def floats(config):
    """JSON has one kind of number; the configurations do not."""
    return {key: float(value) if key in ("initializer_factor", "attention_dropout") else value for key, value in config.items()}


class Peer:
    def __init__(self):
        torch.set_num_threads(options["threads"])
        torch.manual_seed(options["seed"])
        self.model = CLIPModel(CLIPConfig(text_config=floats(options["text"]), vision_config=floats(options["vision"]), projection_dim=options["projection"])).train()
        self.parameters = list(self.model.parameters())
        vision, text = self.model.config.vision_config, self.model.config.text_config
        self.pixels = torch.randn(options["batch"], vision.num_channels, vision.image_size, vision.image_size)
        length = text.max_position_embeddings
        self.ids = torch.randint(0, text.vocab_size - 2, (options["batch"], length))
        self.ids[:, 0] = text.bos_token_id
        self.ids[:, length // 2:] = text.eos_token_id
        self.labels = torch.arange(options["batch"])
        if options["variant"] == "channels_last":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.pixels = self.pixels.contiguous(memory_format=torch.channels_last)
        self.ema = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = self.make_optimizer()
        compiled = torch.compile if options["variant"] == "compile" else lambda f: f
        self.logits = compiled(lambda: self.model(input_ids=self.ids, pixel_values=self.pixels).logits_per_image)
        self.embed = compiled(lambda: torch.nn.functional.normalize(self.model.visual_projection(self.model.vision_model(self.pixels).pooler_output), dim=-1))
        self.loss = None

    def make_optimizer(self):
        groups = [
            {"params": [p for p in self.parameters if p.ndim > 1], "weight_decay": 0.2},
            {"params": [p for p in self.parameters if p.ndim <= 1], "weight_decay": 0.0},
        ]
        settings = {"lr": options["lr"], "betas": (0.9, 0.98), "eps": 1e-6}
        try:
            self.adam = "fused"
            return torch.optim.AdamW(groups, fused=True, **settings)
        except (RuntimeError, TypeError):
            self.adam = "foreach"
            return torch.optim.AdamW(groups, foreach=True, **settings)

    def image(self):
        with torch.inference_mode():
            self.embed()

    def train(self):
        logits = self.logits()
        cross_entropy = torch.nn.functional.cross_entropy
        loss = (cross_entropy(logits, self.labels) + cross_entropy(logits.t(), self.labels)) / 2
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(100))
            torch._foreach_lerp_(self.ema, self.parameters, 1 - options["ema_decay"])
        self.loss = loss.item()


peer = opened(Peer)
answer({
    "ready": True, "parameters": sum(parameter.numel() for parameter in peer.parameters), "torch": torch.__version__,
    "threads": torch.get_num_threads(), "variant": options["variant"], "adam": peer.adam, "batch": options["batch"],
    "cpu": torch.backends.cpu.get_cpu_capability(),
})
commands = {"image": peer.image, "train": peer.train}
serve(timed_commands(commands, options["warmup"], lambda name: {"loss": peer.loss} if name == "train" else {}))
