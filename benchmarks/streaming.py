"""A folder of many small images, trained from disk and from memory: memory, waiting, step time.

    python -m benchmarks.streaming --folder=/tmp/images --images=100000

The images are drawn by seed and written once. Each run is a process of its own, LeNet-5 through
the engine; the resident set is read after 10 % and after all of the steps.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

CLASSES = 10
SIDE = 32  # pixels
DECODED = 10_000  # images of the decoding rate
PAGE_KB = 4


def draw(folder: Path, images: int) -> None:
    """`images` PNGs in class folders: a class has its own mean colour, the rest is noise."""
    from PIL import Image

    if folder.is_dir():
        return
    generator = np.random.default_rng(0)
    colours = generator.integers(60, 196, (CLASSES, 3))
    for k in range(CLASSES):
        (folder / f"{k}").mkdir(parents=True)
    for i in range(images):
        noise = generator.integers(-60, 60, (SIDE, SIDE, 3))
        pixels = (colours[i % CLASSES] + noise).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i % CLASSES}" / f"{i:06}.png", compress_level=1)


def resident() -> int:
    """Memory of this process now, in kilobytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_KB


def measure(folder: Path, stream: bool, steps: int) -> dict[str, float]:
    """One run."""
    from ngjax import data, optim, supervised
    from ngjax.models.lenet import LeNet5
    from ngjax.train import devices, engine, program, record, settings

    held = data.load(data.Data(name="folder", directory=str(folder), stream=stream, dev=0, test=0))
    told: dict[str, float] = {}
    if stream:
        start = time.perf_counter()
        held.train.inputs[np.arange(min(DECODED, len(held.train)))]
        told["decoded_per_second"] = min(DECODED, len(held.train)) / (time.perf_counter() - start)
    network = supervised.linen(LeNet5(classes=CLASSES), held)
    task = supervised.task(held, network, optim.Optimizer(), supervised.classify)
    run = settings.Run(steps=steps, batch_size=128, evaluate_every=max(1, steps // 10))

    def look(step: int, total: int, latest: object) -> None:
        del latest
        if step in (total // 10, total):
            told[f"resident_mb_at_{100 * step // total}"] = resident() / 1024

    made = program.Program(task, run, devices.select(1))
    outcome = engine.fit(made, 0, hooks=record.Hooks(progress=look))
    told["step_ms"] = 1e3 * 128 / outcome.examples_per_second
    told["input_wait_share"] = outcome.input_wait_share or 0.0
    return told


def main() -> None:
    """Both runs, each in its own process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=780)
    parser.add_argument("--one", choices=("memory", "disk"))
    given = parser.parse_args()
    draw(given.folder, given.images)
    if given.one:
        print(json.dumps(measure(given.folder, given.one == "disk", given.steps)))
        return
    for one in ("disk", "memory"):
        command = [sys.executable, "-m", "benchmarks.streaming", *sys.argv[1:], f"--one={one}"]
        print(one, subprocess.run(command, check=True, capture_output=True, text=True).stdout)


if __name__ == "__main__":
    main()
