r"""Edge detection: filters set by hand on photographs, and the same nine numbers learned from them.

    y[i, j] = sum_{u, v} x[i + u, j + v] w[u, v]        J(w) = 1/2 mean (x * w - edges)^2

Notes 4.1.1. The first number of the 6x6 example has three terms that are zero, not the four that
are printed; a 3x3 filter stops at 4 places of a side of 6, which is 3 shifts, not 4. "Sharr" is
Scharr.

Every arm is a filter: it draws the edges of one photograph, and a filter that starts at random
learns to draw them alike; the parameter is the filter. `turned` answers edges 30 degrees off the
vertical, `lbfgs` is Sobel again by quasi-Newton steps.

    python launch.py --experiment=edge_detection
    python launch.py --experiment=edge_detection --degrees=60 --arms=turned
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, losses, metrics, optim
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.ops.convolve import convolve, convolve_by_loops
from ngjax.ops.edges import FILTERS, HORIZONTAL, SCHARR, SOBEL, VERTICAL, turned
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Sum, Task

IMAGE = (
    (3, 0, 1, 2, 7, 4),
    (1, 5, 8, 9, 3, 1),
    (2, 7, 2, 5, 1, 3),
    (0, 1, 3, 1, 7, 8),
    (4, 2, 1, 6, 2, 8),
    (2, 4, 5, 2, 3, 9),
)
ANSWER = ((-5, -4, 0, 8), (-10, -2, 2, 3), (0, -2, -4, -7), (-3, -2, -3, -16))
CLOSE = 1e-2  # largest difference between a learned number and the filter's


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    filter: Literal["vertical", "horizontal", "sobel", "scharr", "turned"] = "sobel"  # to be found
    degrees: float = 30.0  # turned: how far its edges stand off the vertical
    photograph: str = "china"  # whose edges teach
    other: str = "flower"  # whose edges the learned filter is tried on
    size: int = 256  # pixels a side of a photograph
    patch: int = 32  # pixels a side of an example
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=0.3, schedule="cosine")
    run: Run = Run(steps=1200, batch_size=16)

    def __post_init__(self) -> None:
        """Refuse what no picture can be."""
        for field in ("photograph", "other"):
            if getattr(self, field) not in data.photograph_names():
                raise ValueError(f"{field}: choose from {', '.join(data.photograph_names())}")
        if not 3 <= self.patch <= self.size:
            raise ValueError(f"patch: must be in 3 ... size={self.size}, got {self.patch}")


def truth(config: Config) -> np.ndarray:
    """The filter to be found, [3, 3]."""
    if config.filter == "turned":
        return turned(config.degrees)
    return np.array(FILTERS[config.filter], np.float64)


def grey(name: str, size: int) -> np.ndarray:
    """A photograph without its colours, from 0 to 1, [size, size]."""
    return data.photograph(name, size).mean(axis=2) / 255


def answer(image: np.ndarray, kernel: Any) -> np.ndarray:
    """What a filter [3, 3] finds in an image [H, W], [H - 2, W - 2]."""
    w = np.asarray(kernel, np.float32)[:, :, None, None]
    return np.asarray(convolve(np.float32(image)[None, :, :, None], w, padding="VALID"))[0, :, :, 0]


def examples(config: Config, name: str) -> data.Split:
    """Patches of a photograph, of mean 0 and deviation 1 as a whole, and the edges in them."""
    image, side = grey(name, config.size), config.patch
    image = (image - image.mean()) / image.std()
    count = config.size // side
    patches = image[: count * side, : count * side].reshape(count, side, count, side)
    patches = np.float32(patches.swapaxes(1, 2).reshape(-1, side, side, 1))
    w = np.float32(truth(config))[:, :, None, None]
    return data.Split(patches, np.asarray(convolve(patches, w, padding="VALID")))


def build(config: Config) -> Task:
    """The Task: its parameter is the filter."""
    train, dev = (examples(config, name) for name in (config.photograph, config.other))
    wanted = truth(config).astype(np.float32)

    def init(key: Array) -> tuple[Params, Any]:
        return {"w": jax.random.normal(key, (3, 3))}, {}

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        del extra, context
        w = params["w"][:, :, None, None]
        return convolve(batch["inputs"].astype(w.dtype), w, padding="VALID")

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        found = predict(params, extra, batch, context)
        values = losses.squared_loss(found, batch["targets"]).mean(axis=(1, 2, 3))  # [B]
        off = jnp.abs(params["w"] - context.constants["filter"]).max()
        told = {"off": metrics.summed(jnp.full_like(values, off), batch["mask"])}
        return metrics.summed(values, batch["mask"]), Aux(extra, told)

    def held(split: data.Split) -> dict[str, np.ndarray]:
        return {"inputs": split.inputs, "targets": split.targets}

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer),
        train=data.resident(train, prefix="train"),
        evals={"dev": data.resident(dev, prefix="dev")},
        constants={"train": held(train), "dev": held(dev), "filter": wanted},
        predict=predict,
    )


def notes_example(results: Results) -> tuple[bool, str]:
    """Notes 4.1.1: the vertical filter over the 6x6 image gives the 4x4 matrix that is printed."""
    del results
    loops = convolve_by_loops(np.array(IMAGE), np.array(VERTICAL))
    fast = answer(np.array(IMAGE), VERTICAL)
    told = f"rows {', '.join(str(row) for row in loops.tolist())}"
    return bool((loops == ANSWER).all() and (fast == ANSWER).all()), told


def horizontal_is_turned(results: Results) -> tuple[bool, str]:
    """Notes 4.1.1: the horizontal filter is the vertical one laid on its side."""
    config = results.only.config
    image = grey(config.photograph, config.size)
    off = np.abs(answer(image.T, HORIZONTAL).T - answer(image, VERTICAL)).max()
    half = np.repeat([[10, 10, 10, 0, 0, 0]], 6, axis=0)
    seen = answer(half, VERTICAL).max(), np.abs(answer(half, HORIZONTAL)).max()
    told = f"a vertical edge of 10 gives {seen[0]:.0f} and {seen[1]:.0f}; on a photograph laid on "
    return bool(seen == (30, 0) and off < 1e-5), f"{told}its side answers differ by {off:.0e}"


def centre_weighs_more(results: Results) -> tuple[bool, str]:
    """Notes 4.1.1: Sobel and Scharr give the central row more weight; flat regions answer zero."""
    del results
    edge, flat = np.repeat([[1, 1, 0]], 3, axis=0), np.ones((3, 3))
    told, holds = [], True
    for name, kernel in (("Sobel", SOBEL), ("Scharr", SCHARR)):
        weights = np.array(kernel)[:, 0]
        step, none = answer(edge, kernel)[0, 0], answer(flat, kernel)[0, 0]
        holds &= bool(weights[1] > max(weights[0], weights[2]) and none == 0)
        told.append(f"{name} {weights.tolist()}: edge of height one {step:.0f}, no edge {none:.0f}")
    return holds, "; ".join(told)


def nine_numbers_are_learned(results: Results) -> tuple[bool, str]:
    """Notes 4.1.1: the nine numbers of a filter can be learned; here, each of them to 0.01."""
    off = {}
    for name, arm in results.items():
        off[name] = float(np.abs(np.asarray(arm.params["w"]) - truth(arm.config)).max())
    told = ", ".join(f"{name} {value:.0e}" for name, value in off.items())
    return max(off.values()) < CLOSE, f"largest difference: {told}"


def any_angle(results: Results) -> tuple[bool, str]:
    """Notes 4.1.1: a learned filter may have any angle; here, found to a tenth of a degree."""
    arm = results["turned"]
    w, sobel = np.asarray(arm.params["w"], np.float64), np.array(SOBEL)
    found = math.degrees(math.atan2((w * sobel.T).sum(), (w * sobel).sum()))
    off = (found - arm.config.degrees + 180) % 360 - 180
    return abs(off) < 0.1, f"{found:.3f} degrees, made at {arm.config.degrees:g}"


def holds_elsewhere(results: Results) -> tuple[bool, str]:
    """What was learned on one photograph finds the edges of another, to 1 % of their deviation."""
    shares = {}
    for name, arm in results.items():
        found, batch = arm.predict("dev")
        shares[name] = float(np.std(found - batch["targets"]) / np.std(batch["targets"]))
    told = ", ".join(f"{name} {share:.1e}" for name, share in shares.items())
    if results.only.config.photograph == results.only.config.other:
        raise NotAsked("--photograph and --other are the same")
    return max(shares.values()) < 0.01, f"error by deviation: {told}"


def edges_of(image: np.ndarray, kernel: Any) -> np.ndarray:
    """Edges to look at: how strong, whatever their sign; the strongest hundredth is white."""
    strength = np.abs(answer(image, kernel))
    return np.clip(strength / np.percentile(strength, 99), 0, 1)


def figures(results: Results) -> Iterator[Picture]:
    """Edges of real photographs, the way to the filters, and the filters."""
    from ngjax.report import figures as draw

    config = results.only.config
    shown = {**FILTERS, f"turned {config.degrees:g}\N{DEGREE SIGN}": turned(config.degrees)}
    for name in dict.fromkeys((config.photograph, config.other)):
        image = grey(name, config.size)
        yield Picture(
            f"edges-{name}",
            f"The photograph `{name}`, and what each filter finds in it, light where it is strong.",
            draw.image_grid(
                [image, *(edges_of(image, kernel) for kernel in shown.values())],
                [name, *shown],
                columns=3,
            ),
        )
    pairs = [(truth(arm.config), np.asarray(arm.params["w"])) for arm in results.values()]
    tiles = np.stack([np.stack(pair, -1) / np.abs(pair[0]).max() for pair in pairs], -1)
    yield Picture(
        "filters",
        f"Above, the filters that drew the edges ({', '.join(results)}); below, what was learned "
        "from the edges. Red is positive, blue negative, each filter to its own scale.",
        draw.filters(tiles),  # [3, 3, 2, arms]
    )
    yield Picture(
        "nine-numbers",
        "The largest difference between the nine numbers and the filter's, update by update.",
        draw.curves({name: arm.rows for name, arm in results.items()}, ["train/off"], log=["off"]),
    )


def texts(results: Results) -> Iterator[Text]:
    """The filters in numbers."""
    blocks = []
    for name, arm in results.items():
        lines = [f"{name:30}learned"]
        for row, learned in zip(truth(arm.config), np.asarray(arm.params["w"]), strict=True):
            lines.append("".join(f"{value:9.4f}" for value in (*row, *learned)))
        blocks.append("\n".join(lines))
    yield Text("The nine numbers", "\n\n".join(blocks))


EXPERIMENT = Experiment(
    notes="4.1",
    config=Config(),
    build=build,
    objective=("dev/loss", "min"),
    arms={
        "vertical": ("filter=vertical",),
        "horizontal": ("filter=horizontal",),
        "sobel": ("filter=sobel",),
        "scharr": ("filter=scharr",),
        "turned": ("filter=turned",),
        "lbfgs": (
            "filter=sobel",
            "optimizer.rule=lbfgs",
            "optimizer.schedule=constant",
            "run.batch_size=0",
            "run.steps=60",
            "run.dtype=float64",  # its line search compares costs that differ by less than 1e-7
        ),
    },
    smoke=("run.steps=3", "size=128"),
    claims={
        "edge-4x4-output": notes_example,
        "horizontal-filter": horizontal_is_turned,
        "sobel-scharr": centre_weighs_more,
        "learned-filter": nine_numbers_are_learned,
        "learned-at-any-angle": any_angle,
        "learned-filter-holds-elsewhere": holds_elsewhere,
    },
    figures=figures,
    texts=texts,
    terms=(
        "edges",
        "edges: horizontal",
        "edges: vertical",
        "filter",
        "Scharr filter",
        "Sobel filter",
    ),
)
