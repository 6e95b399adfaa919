"""Pictures that diffusers draws from our model folders and from its own, with our noise.

    npx tsx test/golden/interop-folders.ts && python test/golden/interop.py
    python test/golden/interop.py --check

Under test/golden/interop/:
    ours/            folders that Kuosan wrote (interop-folders.ts), ours.json how they are drawn from
    theirs/          folders that diffusers' save_pretrained wrote, theirs.json how they are drawn from
    normals          [2, M], the normals of two pictures, in the order in which they are drawn
    small            [2, 1, 4, 4], two pictures: enlarged, they are what networks of super-resolution see beside x_t
    pictures         `ours/<case>/<run>` and `theirs/<case>/<run>` [2, C, H, W]: a loop over diffusers' unet and scheduler with these normals

Of each folder of ours that names a pipeline, the pipeline itself draws the same again; one that names none opens in no pipeline, and the
Python of every card is run. With --check nothing is written, and the pictures are compared with those in the file.
"""

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

import diffusers
import torch
from diffusers import DDIMPipeline, DDPMPipeline, UNet2DModel
from diffusers.pipelines.ddim import pipeline_ddim
from diffusers.pipelines.ddpm import pipeline_ddpm
from diffusers.schedulers import scheduling_ddim, scheduling_ddpm
from safetensors.torch import load_file, save_file

ROOT = Path(__file__).parent / "interop"
TINY = dict(sample_size=8, in_channels=1, out_channels=1, block_out_channels=[4], layers_per_block=1, norm_num_groups=2, attention_head_dim=2,
            down_block_types=["AttnDownBlock2D"], up_block_types=["AttnUpBlock2D"])
# The fewest tensors, where it is the scheduler that is looked at.
BARE = dict(down_block_types=["DownBlock2D"], mid_block_type=None, up_block_types=["UpBlock2D"])
SHORT = dict(num_train_timesteps=40, beta_start=0.001, beta_end=0.15)


def ddpm(steps, spacing):
    return dict(scheduler="DDPMScheduler", sampler="ddpm", steps=steps, spacing=spacing)


def ddim(steps, spacing, eta=0):
    return dict(scheduler="DDIMScheduler", sampler="ddim", steps=steps, spacing=spacing, eta=eta)


def euler(scheduler):
    return dict(scheduler=scheduler, sampler="euler", steps=10)


def multistep(scheduler="EDMDPMSolverMultistepScheduler"):
    return dict(scheduler=scheduler, sampler="dpmpp-2m", steps=10)


# What people save: pipeline or scheduler, its options, those of the network, and the runs.
THEIRS = {
    "ddpm": (DDPMPipeline, "DDPMScheduler", dict(SHORT, variance_type="fixed_large"), {}, [ddpm(40, "leading"), ddpm(10, "leading"), ddim(10, "leading")]),
    "ddpm-log": (DDPMPipeline, "DDPMScheduler", dict(SHORT, beta_schedule="squaredcos_cap_v2", variance_type="fixed_small_log", prediction_type="sample"), BARE, [ddpm(40, "leading")]),
    "learned-range": (DDPMPipeline, "DDPMScheduler", dict(SHORT, variance_type="learned_range", timestep_spacing="linspace"), dict(out_channels=2), [ddpm(10, "linspace")]),
    "ddim-zero-snr": (DDIMPipeline, "DDIMScheduler", dict(SHORT, prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing"), {}, [ddim(10, "trailing"), ddim(10, "trailing", 1)]),
    "betas": (DDPMPipeline, "DDPMScheduler", dict(num_train_timesteps=20, trained_betas=[0.01 + 0.005 * i for i in range(20)]), BARE, [ddpm(20, "leading")]),
    "classes": (DDPMPipeline, "DDPMScheduler", dict(SHORT), dict(num_class_embeds=5), [ddpm(10, "leading")]),
    # No pipeline draws these; people save their parts with one all the same.
    "flow": (DDPMPipeline, "FlowMatchEulerDiscreteScheduler", dict(shift=2.0), {}, [euler("FlowMatchEulerDiscreteScheduler")]),
    # Another solver of the same steps, which clips nothing.
    "solver": (DDPMPipeline, "EulerDiscreteScheduler", dict(SHORT, prediction_type="v_prediction", timestep_spacing="trailing"), BARE,
               [dict(euler("EulerDiscreteScheduler"), spacing="trailing"), dict(multistep("DPMSolverMultistepScheduler"), spacing="trailing")]),
    "multistep": (DDPMPipeline, "DPMSolverMultistepScheduler", dict(SHORT, prediction_type="sample", timestep_spacing="trailing"), BARE, [dict(multistep("DPMSolverMultistepScheduler"), spacing="trailing")]),
    "edm": (DDPMPipeline, "EDMEulerScheduler", dict(sigma_max=40.0, sigma_data=0.6), BARE, [euler("EDMEulerScheduler"), multistep()]),
    # A picture beside the noise.
    "beside": (DDPMPipeline, "DDPMScheduler", dict(SHORT), dict(BARE, in_channels=2), [ddpm(10, "leading")]),
}
LABELS = {"classes": [2, 0]}
UPSAMPLING = {"beside": "bilinear"}


class Normals:
    """The streams of two pictures: each draw takes the next of both."""

    def __init__(self):
        self.rows, self.at = load_file(ROOT / "normals.safetensors")["normals"], 0

    def take(self, shape, **_):
        size = shape[1:].numel() if isinstance(shape, torch.Size) else int(torch.tensor(shape[1:]).prod())
        self.at += size
        return self.rows[:, self.at - size:self.at].reshape(tuple(shape))

    def inject(self):
        for module in (pipeline_ddim, pipeline_ddpm, scheduling_ddim, scheduling_ddpm):
            module.randn_tensor = self.take


def shape_of(unet, scheduler):
    learned = getattr(scheduler.config, "variance_type", None) == "learned_range"
    size = unet.config.sample_size
    return [2, unet.config.out_channels // (2 if learned else 1), *([size, size] if isinstance(size, int) else size)]


def draw(folder, run, labels, upsampling, own_times=False):
    """The loop over unet and scheduler, at our times or the scheduler's own, which differ for a flow alone."""
    unet = UNet2DModel.from_pretrained(folder, subfolder="unet").eval()
    scheduler = getattr(diffusers, run["scheduler"]).from_pretrained(folder, subfolder="scheduler")
    normals = Normals()
    normals.inject()
    if "Flow" in run["scheduler"] and not own_times:
        scheduler.set_timesteps(sigmas=[1 - i / run["steps"] for i in range(run["steps"])])
    else:
        scheduler.set_timesteps(run["steps"])
    is_edm = "EDM" in run["scheduler"]
    # Ours takes the noise that a clipped picture implies; theirs does if asked.
    options = dict(eta=run.get("eta", 0), use_clipped_model_output=True) if run["sampler"] == "ddim" else {}
    conditioning = {} if labels is None else dict(class_labels=torch.tensor(labels))
    beside = [] if upsampling is None else [torch.nn.functional.interpolate(load_file(ROOT / "small.safetensors")["small"], scale_factor=2, mode=upsampling)]
    # Some count in noise levels, x/α: what they begin with is larger, and the network sees it scaled back.
    in_levels = run["scheduler"].startswith("Euler")
    x = normals.take(shape_of(unet, scheduler)) * (scheduler.config.sigma_max if is_edm else (scheduler.sigmas[0] ** 2 + 1) ** 0.5 if in_levels else 1)
    with torch.no_grad():
        for t in scheduler.timesteps:
            seen = scheduler.scale_model_input(x, t) if is_edm or in_levels else x
            x = scheduler.step(unet(torch.cat([seen, *beside], dim=1), t, **conditioning).sample, t, x, **options).prev_sample
    return x


def through_pipeline(folder, run):
    """The same by the pipeline that the class of the scheduler belongs to."""
    pipeline = (DDIMPipeline if run["sampler"] == "ddim" else DDPMPipeline).from_pretrained(folder)
    pipeline.set_progress_bar_config(disable=True)
    assert type(pipeline.scheduler).__name__ == run["scheduler"]
    Normals().inject()
    options = dict(eta=run.get("eta", 0), use_clipped_model_output=True) if run["sampler"] == "ddim" else {}
    return torch.from_numpy(pipeline(batch_size=2, num_inference_steps=run["steps"], output_type="np", **options).images).permute(0, 3, 1, 2)


def check_pipelines(folder, case, pictures):
    """A folder opens in the pipelines it names, which draw what the loop drew, and in no other."""
    index = json.loads((folder / "model_index.json").read_text())
    for run, picture in zip(case["runs"], pictures):
        name = "DDIMPipeline" if run["sampler"] == "ddim" else "DDPMPipeline"
        if name in case["pipelines"]:
            looped = draw(folder, run, None, None, own_times=True) if "Flow" in run["scheduler"] else picture
            difference = (through_pipeline(folder, run) - (looped / 2 + 0.5).clamp(0, 1)).abs().max().item()
            assert difference < 1e-6, (folder, run, difference)
    if case["pipelines"]:
        assert index["_class_name"] == case["pipelines"][0], index
        assert type(diffusers.DiffusionPipeline.from_pretrained(folder)).__name__ == case["pipelines"][0]
        return
    assert index["_class_name"] == "UNet2DModel" and "diffusers has no pipeline for" in index["_note"], index
    for pipeline in (DDPMPipeline, DDIMPipeline):
        try:
            pipeline.from_pretrained(folder)
        except ValueError as error:
            assert "expected ['scheduler', 'unet'], but only set() were passed" in str(error), error
        else:
            raise AssertionError(f"{folder} opens in {pipeline.__name__}")


def run_card(folder):
    """Runs the Python of a folder's README.md in a copy of it."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (folder / "README.md").read_text(), re.M | re.S)
    assert blocks, folder
    here = Path.cwd()
    for code in blocks:
        with tempfile.TemporaryDirectory() as scratch:
            copy = shutil.copytree(folder, Path(scratch) / "model")
            os.chdir(copy)
            try:
                exec(compile(code, f"{folder.name}/README.md", "exec"), {})
                assert (copy / "image.png").stat().st_size > 0
            finally:
                os.chdir(here)
    return len(blocks)


def write_theirs():
    shutil.rmtree(ROOT / "theirs", ignore_errors=True)
    for i, (name, (pipeline, scheduler, options, network, _)) in enumerate(THEIRS.items()):
        torch.manual_seed(i)
        unet = UNet2DModel(**dict(TINY, **network))
        with torch.no_grad():
            for parameter in unet.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)
        folder = ROOT / "theirs" / name
        pipeline(unet=unet, scheduler=getattr(diffusers, scheduler)(**options)).save_pretrained(folder)
        # Sorted keys, so that a rebuild differs only where a value does.
        for file in folder.rglob("*.json"):
            file.write_text(json.dumps(json.loads(file.read_text()), indent=2, sort_keys=True) + "\n")
    cases = {name: dict(labels=LABELS.get(name), upsampling=UPSAMPLING.get(name), runs=runs) for name, (*_, runs) in THEIRS.items()}
    (ROOT / "theirs.json").write_text(json.dumps(cases, indent=2) + "\n")


def main(check):
    torch.set_num_threads(1)
    if not check:
        write_theirs()
    pictures, cards = {}, 0
    for side in ("ours", "theirs"):
        for name, case in json.loads((ROOT / f"{side}.json").read_text()).items():
            folder = ROOT / side / name
            drawn = [draw(folder, run, case["labels"], case["upsampling"]) for run in case["runs"]]
            for i, (run, picture) in enumerate(zip(case["runs"], drawn)):
                pictures[f"{side}/{name}/{i}"] = picture.contiguous()
                free = (picture.abs() < 0.999).float().mean().item()
                print(f"{side}/{name}/{i}: {run['scheduler']}, {run['steps']} steps, values up to {picture.abs().max():.2f}, {free:.0%} not at the bounds")
                assert picture.isfinite().all() and free > 0.2
            if side == "ours":
                check_pipelines(folder, case, drawn)
    # After the drawing: a card draws noise of its own.
    torch.manual_seed(0)
    for module in (pipeline_ddim, pipeline_ddpm, scheduling_ddim, scheduling_ddpm):
        module.randn_tensor = diffusers.utils.torch_utils.randn_tensor
    for folder in sorted((ROOT / "ours").iterdir()):
        cards += run_card(folder)
    if check:
        stored = load_file(ROOT / "pictures.safetensors")
        assert stored.keys() == pictures.keys(), stored.keys() ^ pictures.keys()
        difference = max((stored[name] - picture).abs().max().item() for name, picture in pictures.items())
        assert difference < 1e-4, difference
    else:
        save_file(pictures, ROOT / "pictures.safetensors")
    print(f"{len(pictures)} runs, {cards} programs of cards")


if __name__ == "__main__":
    main(check="--check" in sys.argv)
