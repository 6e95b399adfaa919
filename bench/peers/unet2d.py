"""The PyTorch side of the U-Net benchmark: diffusers' UNet2DModel behind lines of JSON.

    python bench/peers/unet2d.py '{"threads": 2, "batch": 16, "variant": "eager", "config": {...}}'

Every key of the argument is optional; unknown keys are errors.
    config    UNet2DModel arguments; default: the 6,472,195-parameter network of docs/performance.md
    batch     images in a batch, default 16
    threads   default 2
    variant   "eager" | "channels_last" | "compile"
    lr        Adam's learning rate, default 2e-4;  ema_decay  default 0.9999;  seed  default 0
    warmup    untimed runs before the first timed run of each command, default 2

First answer (one line): {"ready": true, "parameters": n, "torch": "...", "adam": "fused" | "foreach", ...}
                     or  {"error": "..."} and exit code 1.
Requests on stdin:   {"cmd": "forward" | "train", "repeat": n}  ->  {"ms": [...], "cpu_ms": [...], "warmup_ms": [...]} (warmup_ms only the first time;
                     "train" also answers "loss", the last one, so that a broken step is seen, and "peak_megabytes",
                     the most resident memory there ever was, null where /proc does not tell)
                     {"cmd": "quit"} or end of input ends the process.

forward   one evaluation under inference_mode.
train     noise and times drawn, x_t = sqrt(abar) x_0 + sqrt(1 - abar) eps, forward, MSE, backward,
          clip_grad_norm_(1.0), Adam, EMA of every parameter (torch._foreach_lerp_).
"""

import sys

from lines_of_json import answer, fail, opened, read_options, serve, timed_commands

DDPM_6M = {
    "sample_size": 32, "in_channels": 3, "out_channels": 3,
    "block_out_channels": [64, 128, 128], "layers_per_block": 2,
    "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
    "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    "attention_head_dim": None, "norm_num_groups": 32, "norm_eps": 1e-6,
    "downsample_padding": 0, "freq_shift": 1, "flip_sin_to_cos": False,
}
DEFAULTS = {"config": DDPM_6M, "batch": 16, "threads": 2, "variant": "eager", "lr": 2e-4, "ema_decay": 0.9999, "seed": 0, "warmup": 2}
VARIANTS = ("eager", "channels_last", "compile")

options = read_options(DEFAULTS, VARIANTS)

try:
    import torch
    from diffusers import UNet2DModel
except ImportError as error:
    fail(f"{error}; install torch and diffusers for {sys.executable}")


class Peer:
    def __init__(self):
        torch.set_num_threads(options["threads"])
        torch.manual_seed(options["seed"])
        self.model = UNet2DModel(**options["config"])
        self.parameters = list(self.model.parameters())
        self.x0 = torch.rand(options["batch"], *self.image_shape()) * 2 - 1
        self.t = torch.randint(0, 1000, (options["batch"],))
        self.alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).float()
        if options["variant"] == "channels_last":
            self.model = self.model.to(memory_format=torch.channels_last)
            self.x0 = self.x0.contiguous(memory_format=torch.channels_last)
        self.ema = [parameter.detach().clone() for parameter in self.parameters]
        self.adam, self.optimizer = self.make_adam()
        self.denoise = torch.compile(self.model) if options["variant"] == "compile" else self.model
        self.loss = None

    def image_shape(self):
        size = self.model.config.sample_size
        height, width = (size, size) if isinstance(size, int) else size
        return self.model.config.in_channels, height, width

    def make_adam(self):
        """Fused where this build has it on the CPU, else foreach: the faster one PyTorch offers."""
        try:
            return "fused", torch.optim.Adam(self.parameters, lr=options["lr"], fused=True)
        except (RuntimeError, TypeError):
            return "foreach", torch.optim.Adam(self.parameters, lr=options["lr"], foreach=True)

    def forward(self):
        with torch.inference_mode():
            self.denoise(self.x0, self.t).sample

    def train(self):
        eps = torch.randn_like(self.x0)
        t = torch.randint(0, 1000, (options["batch"],))
        alpha_bar = self.alpha_bar[t].view(-1, 1, 1, 1)
        xt = alpha_bar.sqrt() * self.x0 + (1 - alpha_bar).sqrt() * eps
        loss = torch.nn.functional.mse_loss(self.denoise(xt, t).sample, eps)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            torch._foreach_lerp_(self.ema, self.parameters, 1 - options["ema_decay"])
        self.loss = loss.item()


def peak_megabytes():
    """VmHWM: what getrusage tells begins with the parent's."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        return None


peer = opened(Peer)
answer({
    "ready": True, "parameters": sum(parameter.numel() for parameter in peer.parameters), "torch": torch.__version__,
    "threads": torch.get_num_threads(), "variant": options["variant"], "adam": peer.adam, "batch": options["batch"],
    "cpu": torch.backends.cpu.get_cpu_capability(),
})
commands = {"forward": peer.forward, "train": peer.train}
serve(timed_commands(commands, options["warmup"], lambda name: {"loss": peer.loss, "peak_megabytes": peak_megabytes()} if name == "train" else {}))
