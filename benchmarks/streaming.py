"""A folder of many small images trained from disk and from memory: waiting, step time, memory.

    python -m benchmarks.streaming --folder=IMAGES --out=streaming.json
    python -m benchmarks.streaming --folder=IMAGES --name=cifar10 --data_dir=DATA
    python -m benchmarks.streaming --folder=IMAGES --images=2000 --steps=20    # does it run?

Images are written once, drawn by seed or taken from a set of the catalogue; the smaller folders
are links into the largest. Every run is a process of its own: the topic `resnet` with 8 layers at
batch 128, and softmax regression, whose step is shorter than the decoding of its batch. Both go
through the engine. A step's time is without the first call, which compiles. Files that were just
written lie in the system's page cache, so that it is decoding that is measured; how fast they
come from the device is told by a look at files put out of the cache. Linux only.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.run import now, write

CLASSES = 10
SIDE = 32  # pixels
HELD_OUT = 0.01  # of the images, for dev and as many for test
DECODED = 10_000  # images of a decoding rate
BATCH = 128
PARTS = (0.2, 0.5, 1.0)  # of the images, each a folder: does memory grow with them?
SHORT = 60  # steps where memory alone is looked at
TURNS = 2  # from disk and from memory in turn


def images(asked: argparse.Namespace) -> Any:
    """Yields (class, uint8 [SIDE, SIDE, 3]), as many as asked for, classes in turn."""
    if not asked.name:  # a class has its mean colour, the rest is noise
        generator = np.random.default_rng(0)
        colours = generator.integers(60, 196, (CLASSES, 3))
        for i in range(asked.images):
            noise = generator.integers(-60, 60, (SIDE, SIDE, 3))
            yield i % CLASSES, (colours[i % CLASSES] + noise).astype(np.uint8)
        return
    from ngjax import data

    config = data.Data(name=asked.name, directory=asked.data_dir, size=SIDE, dev=0, test=0)
    held = data.load(config, kinds=("images",), classes=CLASSES).train
    by_class = [np.flatnonzero(held.targets == k) for k in range(CLASSES)]
    for i in range(asked.images):
        turn, k = divmod(i, CLASSES)
        again, place = divmod(turn, len(by_class[k]))  # moved aside: no two files are the same
        pixels = np.roll(held.inputs[by_class[k][place]], again, axis=1)
        yield k, np.broadcast_to(pixels, (SIDE, SIDE, 3))


def fill(folder: Path, asked: argparse.Namespace) -> None:
    """Write the images; what is there stays."""
    from PIL import Image

    if folder.is_dir():
        return
    new = folder.with_name(folder.name + ".part")
    for k in range(CLASSES):
        (new / f"{k}").mkdir(parents=True)
    how = {"compress_level": 1} if asked.format == "png" else {"quality": 90}
    for i, (k, pixels) in enumerate(images(asked)):
        path = new / f"{k}" / f"{i:07}.{asked.format}"
        Image.fromarray(pixels).save(path, **how)
    new.replace(folder)


def link(whole: Path, folder: Path, count: int) -> None:
    """A folder of the first `count` images of another one."""
    if folder.is_dir():
        return
    each = count // CLASSES
    for one in whole.iterdir():
        (folder / one.name).mkdir(parents=True)
        for path in sorted(one.iterdir())[:each]:
            os.link(path, folder / one.name / path.name)


def peak() -> float:
    """The most memory that this process has held so far, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def built(network: str, config: Any) -> Any:
    """The Task of a network under `config`, of the topic `resnet`."""
    from ngjax import data, optim, supervised
    from ngjax.experiment import load
    from ngjax.models.mlp import MLP

    if network == "resnet8":
        return load("resnet").build(config)
    held = data.load(config.data)
    softmax = supervised.linen(MLP((CLASSES,)), held)
    return supervised.task(held, softmax, optim.Optimizer(), supervised.classify)


def measure(network: str, folder: Path, source: str, steps: int) -> dict[str, Any]:
    """One run, in this process."""
    from ngjax import data
    from ngjax.config import override
    from ngjax.experiment import load
    from ngjax.train import devices, engine, program, record

    words = {"data.name": "folder", "data.directory": str(folder), "data.dev": HELD_OUT}
    words |= {"data.stream": source == "disk", "data.test": HELD_OUT}
    words |= {"shallow": 8, "width": 1.0, "field": SIDE}
    words |= {"run.steps": steps, "run.batch_size": BATCH}
    config = override(load("resnet").config, words)
    peaks = {"start": peak()}
    start = time.perf_counter()
    data.load(config.data)  # kept: the topic finds it read
    loaded = time.perf_counter()
    peaks["listed" if source == "disk" else "read"] = peak()
    task = built(network, config)
    scaled = time.perf_counter()
    peaks["scaled"] = peak()

    def look(step: int, total: int, latest: object) -> None:
        del latest
        peaks.setdefault("first_call", peak())
        if step == total:
            peaks["trained"] = peak()

    made = program.Program(task, config.run, devices.select(1))
    outcome = engine.fit(made, 0, hooks=record.Hooks(progress=look))
    step_ms, share = 1e3 * BATCH / outcome.examples_per_second, outcome.input_wait_share or 0.0
    return {
        "load_seconds": loaded - start,
        "scale_seconds": scaled - loaded,
        "step_ms": step_ms,
        "wait_share": share,
        "step_ms_without_waiting": step_ms * (1 - share),
        "peak_mb": peaks,
        "params_sha256": outcome.params_sha256,
    }


def decoding(folder: Path) -> dict[str, Any]:
    """Images a second that the fetching thread decodes: from the page cache, from the device."""
    from ngjax import data

    where = data.Data(name="folder", directory=str(folder), stream=True, dev=0, test=0)
    held = data.load(where).train.inputs
    index = np.random.default_rng(0).permutation(len(held))[:DECODED]
    paths = [folder / os.fsdecode(name) for name in held.names[index]]
    found = {"bytes_of_a_file": sum(path.stat().st_size for path in paths) / len(paths)}
    for name in ("page_cache", "device"):
        for path in paths if name == "device" else ():
            with path.open("rb") as file:
                os.fsync(file.fileno())  # what is not written yet stays in the cache
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        held[index[:BATCH]]
        start, cpu = time.perf_counter(), time.process_time()
        held[index[BATCH:]]
        count = len(index) - BATCH
        found[name] = count / (time.perf_counter() - start)
        found[f"{name}_cpu_us"] = 1e6 * (time.process_time() - cpu) / count  # of an image
    return found


def alone(asked: argparse.Namespace, words: list[Any]) -> dict[str, Any]:
    """What a process of its own finds."""
    command = [sys.executable, "-m", "benchmarks.streaming", f"--folder={asked.folder}", "--one"]
    told = subprocess.check_output([*command, *map(str, words)], cwd=machine.ROOT, text=True)
    return json.loads(told)


def plan(asked: argparse.Namespace) -> list[tuple[str, int, str, int]]:
    """(network, images, source, steps) of every run."""
    counts = [int(part * asked.images) for part in PARTS]
    few, sources = min(SHORT, asked.steps), ("disk", "memory")
    runs = [("resnet8", counts[-1], source, asked.steps) for source in sources * TURNS]
    runs += [("resnet8", count, source, few) for count in counts for source in sources]
    return runs + [("softmax", counts[-1], source, asked.steps) for source in sources]


def main() -> None:
    """Write the images, run all, tell; OUT is written after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the images are written")
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--format", choices=("png", "jpeg"), default="png")
    parser.add_argument("--name", default="", help="a set of the catalogue; drawn by seed if empty")
    parser.add_argument("--data_dir", default="", help="where that set lies")
    parser.add_argument("--out", type=Path, help="JSON; also printed")
    parser.add_argument("--one", nargs="+", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        what, folder, *more = asked.one
        one = decoding(Path(folder)) if what == "decoding" else None
        print(json.dumps(one or measure(what, Path(folder), more[0], int(more[1]))))
        return
    if not Path("/proc/self/status").exists():
        parser.error("reads /proc/self/status, which this system lacks")
    if asked.images % 100:
        parser.error("--images: must be a multiple of 100")
    whole = asked.folder.resolve() / f"{asked.name or 'drawn'}-{asked.format}-{asked.images}"
    fill(whole, asked)
    versions = {name: importlib.metadata.version(name) for name in ("jax", "pillow", "numpy")}
    results: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.streaming", *sys.argv[1:]]),
        "date": now(),
        "machine": machine.about(),
        "versions": versions,
        "images": {"side": SIDE, "format": asked.format, "set": asked.name or "drawn by seed"},
        "decoded_per_second": alone(asked, ["decoding", whole]),
        "runs": [],
    }
    for network, count, source, steps in plan(asked):
        folder = whole if count == asked.images else whole.with_name(f"{whole.name}-{count}")
        link(whole, folder, count)
        found = alone(asked, [network, folder, source, steps])
        run = {"network": network, "images": count, "source": source, "steps": steps, **found}
        results["runs"].append(run)
        write(asked.out, results)
        print(json.dumps(run), flush=True)


if __name__ == "__main__":
    main()
