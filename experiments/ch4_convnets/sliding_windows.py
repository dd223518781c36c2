r"""Sliding windows: a classifier of small crops finds objects in a large picture, in one pass.

    crop by crop:  y[i, j] = f(x[s i : s i + w, s j : s j + w])    as one convolution:  y = f(x)

Notes 4.13.3 and 4.13.4; Sermanet et al. 2014 (OverFeat). A network learns what a window of w x w
shows; slid over a picture of n x n with stride s it runs floor((n - w) / s + 1)^2 times at every
scale. With its dense layers turned into convolutions the same weights answer for all windows at
once, s being the product of the network's strides (2): 14x14 gives 1x1, 16x16 gives 2x2, 28x28
gives 8x8.

    python launch.py --experiment=sliding_windows
    python launch.py --experiment=sliding_windows --data.name=face_crops --data.size=24 \
        --run.epochs=100    # needs scikit-image
"""

from __future__ import annotations

import dataclasses
import functools
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.data.images.composed import scenes
from ngjax.data.images.image import stretch
from ngjax.experiment import Experiment, NotAsked, Picture, Results, Text
from ngjax.experiment.results import Arm
from ngjax.models.sliding import POOL, Sliding, as_convolutions, crops, multiplications, windows
from ngjax.ops.boxes import iou
from ngjax.ops.nms import non_max_suppression
from ngjax.ops.normalise import normalise
from ngjax.train.settings import Run
from ngjax.types import Array, Task

EQUAL = 1e-5
MOST = 40  # boxes of a picture
SIZES = {14: (1, 1, 1, 4), 16: (1, 2, 2, 4), 28: (1, 8, 8, 4)}  # of notes 4.13.4 and the course
PASTED = (1.0, 1.4, 2.0)  # sizes of the objects on the photograph, in windows
ROUNDS = 3  # timings of which the fastest counts


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    filters: int = 16  # of the 5x5 convolution
    units: int = 400  # of either dense layer
    picture: int = 160  # pixels a side of the large picture
    objects: int = 8  # on it
    scales: tuple[float, ...] = (1.0, 0.7, 0.5)  # that the picture is looked at in
    sure: float = 0.9  # probability from which a window is reported
    data: data.Data = data.Data(name="digit_crops")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=1e-3, schedule="cosine")
    run: Run = Run(epochs=12, batch_size=50)

    def __post_init__(self) -> None:
        """Refuse what no picture can be."""
        for name in ("filters", "units", "objects"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if not self.scales or any(not 0 < scale <= 1 for scale in self.scales):
            raise ValueError("scales: each must be above 0 and at most 1")


def held_of(config: Config) -> data.Dataset:
    """The crops."""
    return data.load(config.data, kinds=("images",), classes=2)


def model(config: Config, *, slides: bool = False) -> Sliding:
    """The network, for crops or sliding."""
    held = held_of(config)
    side = held.train.inputs.shape[1]
    return Sliding(len(held.classes), side, config.filters, config.units, slides)


def build(config: Config) -> Task:
    """The Task: is there an object in the crop?"""
    held = held_of(config)
    network = supervised.linen(model(config), held)
    return supervised.task(held, network, config.optimizer, supervised.classify)


class Scene(NamedTuple):
    """A large picture and where its objects are."""

    image: np.ndarray  # uint8 [H, W, C]
    boxes: np.ndarray  # corners in pixels [m, 4]


@functools.lru_cache(maxsize=2)
def scene(config: Config) -> Scene:
    """Unseen digits on an unseen stretch of a photograph; other crops are pasted as they are."""
    held, n = held_of(config), config.picture
    w = held.train.inputs.shape[1]
    if config.data.name == "digit_crops":
        height = (0.8 * w / n, 1.8 * w / n)
        made = scenes(1, 7, n, "test", objects=(config.objects,) * 2, sides=height)
        return Scene(made.images[0], made.boxes[0][made.mask[0]])
    image = data.photograph("china", n)
    image = (
        image.mean(-1, keepdims=True).astype(np.uint8) if held.test.inputs.shape[-1] == 1 else image
    )
    image, boxes = image.copy(), []
    shown = held.test.inputs[held.test.targets == 1]
    generator = np.random.default_rng(0)
    for number in range(config.objects):
        side = round(w * PASTED[number % len(PASTED)])
        for _ in range(100):
            left, top = generator.integers(0, n - side + 1, 2)
            box = np.array([left, top, left + side, top + side])
            if not boxes or float(iou(box[None], np.stack(boxes)).max()) == 0:
                crop = shown[number % len(shown)]
                rgb = stretch(crop.repeat(3, -1) if crop.shape[-1] == 1 else crop, side, side)
                image[top : top + side, left : left + side] = rgb[..., : image.shape[-1]]
                boxes.append(box)
                break
    return Scene(image, np.stack(boxes).astype(np.float32))


def scaled(arm: Arm, image: np.ndarray, scale: float) -> Array:
    """The picture at a scale as the network reads it, float32 [H, W, C]."""
    H, W = (round(scale * n) for n in image.shape[:2])
    grey = image.shape[-1] == 1
    pixels = stretch(image.repeat(3, -1) if grey else image, W, H)[..., : image.shape[-1]]
    numbers = arm.task.constants["scale"]
    x = normalise(np.float64(pixels)[None], numbers["mu"], numbers["sigma"])[0]
    return jnp.asarray(x, jnp.float32)


def sliders(arm: Arm) -> dict[str, Callable[[Array], Array]]:
    """Two ways from a picture [H, W, C] to the outputs of every window, y_hat [H', W', K]."""
    dense, convolutional = model(arm.config), model(arm.config, slides=True)
    params, filters = arm.params, as_convolutions(arm.params, dense.window)

    def by_crops(params: Any, x: Array) -> Array:
        cut = crops(x, dense.window)  # [H', W', w, w, C]
        z = dense.apply({"params": params}, cut.reshape(-1, *cut.shape[2:]))[0]
        return jax.nn.softmax(z).reshape(*cut.shape[:2], -1)

    def at_once(params: Any, x: Array) -> Array:
        return jax.nn.softmax(convolutional.apply({"params": params}, x[None])[0][0])

    return {
        "crop by crop": functools.partial(jax.jit(by_crops), params),
        "one convolution": functools.partial(jax.jit(at_once), filters),
    }


class Measured(NamedTuple):
    """The two ways at one scale."""

    scale: float
    heat: np.ndarray  # probability of an object at every window, [H', W']
    off: float  # largest difference of an output
    seconds: dict[str, float]
    products: dict[str, int]  # multiplications


@functools.lru_cache(maxsize=4)
def measured(arm: Arm) -> tuple[Measured, ...]:
    """Both ways at every scale, on the large picture."""
    module, ways, found = model(arm.config), sliders(arm), []
    for scale in arm.config.scales:
        x = scaled(arm, scene(arm.config).image, scale)
        H, W, C = x.shape
        if min(H, W) < module.window:
            raise NotAsked(f"at scale {scale:g} the picture is smaller than the window")
        maps = {name: np.asarray(way(x)) for name, way in ways.items()}
        one = multiplications(module, module.window, module.window, C)
        places = maps["crop by crop"].shape[0] * maps["crop by crop"].shape[1]
        found.append(
            Measured(
                scale,
                maps["one convolution"][..., 1],
                float(np.abs(maps["crop by crop"] - maps["one convolution"]).max()),
                {name: fastest(way, x) for name, way in ways.items()},
                {
                    "crop by crop": places * one,
                    "one convolution": multiplications(module, H, W, C),
                },
            )
        )
    return tuple(found)


def fastest(way: Callable[[Array], Array], x: Array) -> float:
    """Seconds of the fastest of a few calls, compiled before."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        jax.block_until_ready(way(x))
        times.append(time.perf_counter() - start)
    return min(times)


@functools.lru_cache(maxsize=4)
def found(arm: Arm) -> tuple[np.ndarray, np.ndarray]:
    """(boxes in pixels of the picture [n, 4], their probabilities), all scales suppressed."""
    side, boxes, scores = model(arm.config).window, [], []
    for one in measured(arm):
        rows, columns = np.indices(one.heat.shape)
        corner = np.stack([columns, rows], -1).reshape(-1, 2) * POOL
        boxes.append(np.concatenate([corner, corner + side], axis=1) / one.scale)
        scores.append(one.heat.ravel())
    boxes, scores = np.concatenate(boxes).astype(np.float32), np.concatenate(scores)
    kept = non_max_suppression(
        boxes,
        scores,
        np.zeros(len(scores), np.int32),
        score_threshold=arm.config.sure,
        iou_threshold=0.2,  # windows of several scales on one object share little
        most=MOST,
    )
    index = np.asarray(kept.index)[np.asarray(kept.mask)]
    return boxes[index], scores[index]


def equal_outputs(results: Results) -> tuple[bool, str]:
    """Notes 4.13.4: one convolution gives what every crop gives by itself, to 1e-5."""
    off = [one.off for one in measured(results.only)]
    return max(off) <= EQUAL, f"largest difference of an output {max(off):.1e}"


def shares_work(results: Results) -> tuple[bool, str]:
    """Notes 4.13.4: what windows share is computed once; it takes fewer multiplications."""
    crop, one = (
        sum(m.products[name] for m in measured(results.only))
        for name in ("crop by crop", "one convolution")
    )
    return one < crop, f"{crop:,} multiplications crop by crop, {one:,} as one convolution"


def finer_costs_more(results: Results) -> tuple[bool, str]:
    """Notes 4.13.3: a finer stride costs more; 25, 441 and 6,561 crops of 20 in 100 pixels."""
    del results
    counted = [windows(100, 20, stride) for stride in (20, 4, 1)]
    return counted == [25, 441, 6561], f"stride 20, 4, 1: {counted}"


def sizes_of_the_notes(results: Results) -> tuple[bool, str]:
    """Notes 4.13.4: 14x14x3 gives 1x1x4, 16x16x3 gives 2x2x4; the course's 28x28x3 gives 8x8x4."""
    del results
    made = {n: shape_of(n) for n in SIZES}
    return made == SIZES, ", ".join(f"{n}: {'x'.join(map(str, s[1:]))}" for n, s in made.items())


def shape_of(n: int) -> tuple[int, ...]:
    """Of the outputs of the notes' network, slid over n x n x 3."""
    module = Sliding(slides=True)
    image = jax.ShapeDtypeStruct((1, n, n, 3), jnp.float32)
    variables = jax.eval_shape(module.init, jax.random.key(0), image)
    return jax.eval_shape(module.apply, variables, image)[0].shape


def finds_objects(results: Results) -> tuple[bool, str]:
    """Notes 4.13.3: windows that say object lie on the objects; here, on half of them or more."""
    arm = results.only
    boxes, _ = found(arm)
    truth = scene(arm.config).boxes
    middle = (truth[:, :2] + truth[:, 2:]) / 2  # [m, 2]
    inside = (boxes[None, :, :2] < middle[:, None]) & (middle[:, None] < boxes[None, :, 2:])
    on = inside.all(-1)  # [m, n]
    hit, right = int(on.any(1).sum()), int(on.any(0).sum())
    told = f"{hit} of {len(truth)} objects lie in a window, {right} of {len(boxes)} windows on one"
    return hit >= len(truth) / 2 and right >= len(boxes) / 2, told


def figures(results: Results) -> Iterator[Picture]:
    """The picture with the windows that are sure, and the heat at every scale."""
    from ngjax.report import figures as draw

    arm = results.only
    large, (boxes, scores) = scene(arm.config), found(arm)
    named = [(*box, f"{score:.2f}") for box, score in zip(boxes, scores, strict=True)]
    truth = [(*box, "") for box in large.boxes]
    yield Picture(
        "found",
        f"Windows of a probability from {arm.config.sure:g} after non-max suppression; the "
        "objects dashed.",
        draw.boxes_grid([large.image], [named], [truth], columns=1),
    )
    heats = [one.heat for one in measured(arm)]
    yield Picture(
        "heat",
        "The probability of an object at every window, scale by scale.",
        draw.image_grid(
            heats, [f"scale {scale:g}" for scale in arm.config.scales], columns=len(heats)
        ),
    )
    held = held_of(arm.config)
    z, batch = arm.predict("test")
    yield Picture(
        "crops",
        "Test crops, mistakes first: read as (is).",
        draw.predictions(batch["inputs"], z.argmax(-1), batch["targets"], held.classes, shown=20),
    )


def texts(results: Results) -> Iterator[Text]:
    """Multiplications and seconds side by side, the notes' sizes."""
    lines = [f"{'scale':>6}{'windows':>9}{'multiplications: crops':>24}{'once':>14}{'share':>8}"]
    lines[0] += f"{'ms: crops':>11}{'once':>8}{'difference':>12}"
    for one in measured(results.only):
        crop, once = one.products.values()
        slow, quick = (1e3 * seconds for seconds in one.seconds.values())
        lines.append(
            f"{one.scale:6g}{one.heat.size:9,}{crop:24,}{once:14,}{once / crop:8.3f}"
            f"{slow:11.2f}{quick:8.2f}{one.off:12.1e}"
        )
    yield Text("Crop by crop and as one convolution", "\n".join(lines))
    made = [f"{n}x{n}x3 -> {'x'.join(map(str, shape_of(n)[1:]))}" for n in SIZES]
    yield Text("Sizes of notes 4.13.4", "\n".join(made))
    yield Text("Data", held_of(results.only.config).notes)


def network(config: Config) -> tuple[Sliding, tuple[int, ...]]:
    """The network and the shape of a crop."""
    return model(config), held_of(config).train.inputs.shape[1:]


EXPERIMENT = Experiment(
    notes="4.13.3, 4.13.4",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={"windows": ()},
    smoke=("run.steps=2", "data.limit=100", "units=8", "filters=4", "picture=48", "scales=1.0"),
    claims={
        "conv-sliding-equals-crops": equal_outputs,
        "conv-sliding-shares-work": shares_work,
        "sliding-window-costly": finer_costs_more,
        "conv-sliding-sizes": sizes_of_the_notes,
        "sliding-windows-find": finds_objects,
    },
    figures=figures,
    texts=texts,
    network=network,
    terms=("sliding windows detection",),
)
