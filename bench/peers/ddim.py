"""diffusers' DDIM next to ours: UNet2DModel and DDIMScheduler from a model folder, behind lines of JSON.

    python bench/peers/ddim.py '{"model": "<folder>", "noise": "<x_T.npy>", "variant": "eager", "threads": 2}'

    model     a model folder in diffusers' layout
    noise     [n, C, H, W] the noise that image i begins as
    variant   "eager" | "channels_last" | "compile"

First answer (one line): {"ready": true, "torch": "...", "diffusers": "..."} or {"error": "..."} and exit code 1.
Requests on stdin:   {"batch": b, "count": n, "steps": s, "out": "<images.npy>" (optional)}  ->  {"ms": t}
End of input ends the process.

A drawing is DDIMPipeline's loop under inference_mode: the first n images of the noise, b at a time; the clock runs from
the first evaluation to the last image, and not while the file is written. The scheduler has leading times, clips x_0 and
derives the noise from what it has clipped (use_clipped_model_output), as Kuosan does.
"""

import sys
import time

from lines_of_json import answer, fail, opened, read_options, serve

options = read_options({"model": None, "noise": None, "variant": "eager", "threads": 2}, ("eager", "channels_last", "compile"))
try:
    import diffusers
    import numpy as np
    import torch
except ImportError as error:
    fail(f"{error}; install torch and diffusers for {sys.executable}")


class Painter:
    def __init__(self):
        torch.set_num_threads(options["threads"])
        self.scheduler = diffusers.DDIMScheduler.from_pretrained(options["model"], subfolder="scheduler", timestep_spacing="leading", steps_offset=0, set_alpha_to_one=True)
        self.unet = diffusers.UNet2DModel.from_pretrained(options["model"], subfolder="unet").eval()
        self.noise = torch.from_numpy(np.load(options["noise"]))
        if options["variant"] == "channels_last":
            self.unet = self.unet.to(memory_format=torch.channels_last)
            self.noise = self.noise.contiguous(memory_format=torch.channels_last)
        elif options["variant"] == "compile":
            self.unet = torch.compile(self.unet, dynamic=False)

    @torch.inference_mode()
    def draw(self, batch, count, steps):
        self.scheduler.set_timesteps(steps)
        finished = []
        for start in range(0, count, batch):
            x = self.noise[start:min(start + batch, count)]
            for t in self.scheduler.timesteps:
                x = self.scheduler.step(self.unet(x, t).sample, t, x, eta=0.0, use_clipped_model_output=True).prev_sample
            finished.append(x)
        return torch.cat(finished)


def reply(request):
    start = time.perf_counter()
    images = painter.draw(request["batch"], request["count"], request["steps"])
    ms = (time.perf_counter() - start) * 1e3
    if "out" in request:
        np.save(request["out"], images.contiguous().numpy())
    return {"ms": ms}


painter = opened(Painter)
answer({"ready": True, "torch": torch.__version__, "diffusers": diffusers.__version__})
serve(reply)
