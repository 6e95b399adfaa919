"""Trains the network of a run of `kuosan train` with PyTorch and diffusers alone: the twin that docs/results.md compares with.

    python bench/peers/train_unet2d.py runs/fashion-mnist --data /usr/share/datasets/fashion-mnist --out runs/fashion-mnist-twin

Takes the configuration that the run has written (run.json: network, scheduler, objective, steps, batch, learning rate,
warm-up, moving average, seed) and what its classes are called, and writes a folder that diffusers and Kuosan open, with
the averaged weights. What it does by itself is what a PyTorch user would write: its own random numbers, PyTorch's initial
weights, fused Adam, torch.compile. Only files of Fashion-MNIST or MNIST (IDX, gzipped), plain prediction of ε or v with
hidden classes, and the cosine or constant rate; whatever else the configuration asks for is an error, so that the two
cannot differ unseen.
"""

import argparse
import glob
import gzip
import json
import math
import os
import re
import shutil
import struct
import sys
import time

import torch
from diffusers import DDPMScheduler, UNet2DModel
from diffusers.training_utils import EMAModel


def snake(name):
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda found: "_" + found.group(1).lower(), name)


def read_idx(path):
    with gzip.open(path, "rb") as file:
        _, _, kind, rank = struct.unpack("BBBB", file.read(4))
        shape = struct.unpack(f">{rank}I", file.read(4 * rank))
        if kind != 8:
            sys.exit(f"{path}: not bytes")
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8).view(shape)


def images(folder, size):
    images = read_idx(os.path.join(folder, "train-images-idx3-ubyte.gz"))
    labels = read_idx(os.path.join(folder, "train-labels-idx1-ubyte.gz")).long()
    border = (size - images.shape[1]) // 2
    padded = torch.nn.functional.pad(images, (border,) * 4)
    return padded[:, None].float() / 127.5 - 1, labels


# What the network is to predict, by the name that the configuration has for it.
TARGETS = {
    "epsilon": lambda scheduler, x0, noise, t: noise,
    "v_prediction": lambda scheduler, x0, noise, t: scheduler.get_velocity(x0, noise, t),
}


def check(config):
    """The parts that this program has one way of doing, and what can be predicted."""
    if (kind := config["scheduler"]["predictionType"]) not in TARGETS:
        sys.exit(f"train_unet2d.py: scheduler.predictionType is {kind!r}, and only {' and '.join(TARGETS)} are done here")
    expected = {
        ("objective", "weighting"): "uniform", ("objective", "timeSampling"): "uniform", ("objective", "offsetNoise"): 0,
        ("scheduler", "trainedBetas"): None, ("scheduler", "rescaleBetasZeroSnr"): False,
        ("data", "flip"): False, ("train", "optimizer"): "adam", ("train", "gradientAccumulation"): 1, ("train", "groups"): [],
    }
    for (section, key), value in expected.items():
        found = config[section].get(key, value)
        if found != value:
            sys.exit(f"train_unet2d.py: {section}.{key} is {found!r}, and only {value!r} is done here")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("run")
    parser.add_argument("--data", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if os.path.exists(options.out):
        sys.exit(f"{options.out} exists")
    with open(os.path.join(options.run, "run.json")) as file:
        config = json.load(file)["config"]
    check(config)
    found = sorted(glob.glob(os.path.join(options.run, "checkpoints", "*", "**", "class_labels.json"), recursive=True))
    if not found:
        sys.exit(f"{options.run}: has no checkpoint with class_labels.json yet")
    labels_file = found[0]
    train, objective = config["train"], config["objective"]

    torch.set_num_threads(options.threads)
    torch.manual_seed(train["seed"])
    target = TARGETS[config["scheduler"]["predictionType"]]
    model = UNet2DModel(**{snake(key): value for key, value in config["model"].items()})
    scheduler = DDPMScheduler(**{snake(key): config["scheduler"][key] for key in ("numTrainTimesteps", "betaStart", "betaEnd", "betaSchedule", "predictionType") if key in config["scheduler"]})
    images, labels = images(options.data, config["model"]["sampleSize"])
    null_class = config["model"]["numClassEmbeds"] - 1
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, lr=train["learningRate"], betas=tuple(train["betas"]), eps=train["eps"], fused=True)
    total, warmup = train["steps"], train["warmupSteps"]

    def rate(step):
        if step < warmup:
            return step / max(1, warmup)
        if train["lrSchedule"] == "constant":
            return 1.0
        return max(0.0, 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warmup) / max(1, total - warmup)))))

    rates = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    ema = train["ema"]
    average = EMAModel(parameters, decay=ema["decay"], use_ema_warmup=ema["useEmaWarmup"], inv_gamma=ema["invGamma"], power=ema["power"], foreach=True)
    denoise = torch.compile(model)
    order, place, losses, start = torch.randperm(len(images)), 0, [], time.time()
    for step in range(total):
        if place + train["batchSize"] > len(images):
            order, place = torch.randperm(len(images)), 0
        chosen = order[place:place + train["batchSize"]]
        place += train["batchSize"]
        x0 = images[chosen]
        y = torch.where(torch.rand(len(chosen)) < objective["labelDropout"], null_class, labels[chosen])
        t = torch.randint(0, scheduler.config.num_train_timesteps, (len(chosen),))
        noise = torch.randn_like(x0)
        loss = torch.nn.functional.mse_loss(denoise(scheduler.add_noise(x0, noise, t), t, class_labels=y).sample, target(scheduler, x0, noise, t))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, train["clipNorm"])
        optimizer.step()
        rates.step()
        optimizer.zero_grad(set_to_none=True)
        average.step(parameters)
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            print(f"step {step + 1} of {total}, loss {sum(losses[-100:]) / 100:.4f}, {time.time() - start:.0f} s", flush=True)
    average.copy_to(parameters)
    model.save_pretrained(os.path.join(options.out, "unet"))
    scheduler.save_pretrained(os.path.join(options.out, "scheduler"))
    with open(os.path.join(options.out, "model_index.json"), "w") as file:
        json.dump({"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDPMScheduler"]}, file, indent=2)
    shutil.copy(labels_file, options.out)


if __name__ == "__main__":
    main()
