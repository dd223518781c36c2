r"""What is going on in a film: its order tells the way a digit moves, which no one frame does.

    x<1>, ..., x<T> (frames)  ->  ConvNet, the same for all  ->  LSTM  ->  y_hat (the activity)

Notes 5 (video activity recognition) and 5.1 (many-to-one). Handwritten digits wander over a field
without edges, in one of eight directions; place, direction and speed are drawn by seed, on the
device. Test films show digits that no training film does. One frame holds nothing of the direction.
The mean of the frames' features may hold the axis, never the sense along it: a film run backwards
has the same frames. Frames as channels and the LSTM see the order.

    python launch.py --experiment=video_activity    # 50 s on one core, seed 0: right in 11.9 %
                                                    # (one frame), 12.1 % (mean), 100 %, 100 %
    python launch.py --experiment=video_activity --mode=predict --input=frames/
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from ngjax import data, optim, supervised
from ngjax.data.series.moving import WAYS, moving
from ngjax.experiment import Answer, Experiment, Learned, Picture, Results, Text, naming
from ngjax.metrics import interval
from ngjax.models.film_network import FilmNetwork
from ngjax.train.settings import Run
from ngjax.types import Array, Aux, Batch, Context, Params, Source, Sum, Task, UserError

NAMES = tuple(name for name, _ in WAYS)
ARROWS = "→↘↓↙←↖↑↗"  # the ways, in their order
SHOWN = 6  # films in the figure
GREY = 96  # of the lines between frames
EVAL_KEYS = {"dev": 1, "test": 2}  # seeds of the evaluation films


@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    reading: Literal["one_frame", "mean", "channels", "sequence"] = "sequence"  # of the frames
    frames: int = 8  # T
    side: int = 20  # pixels of the field
    fastest: int = 2  # pixels a frame, 1 to so many, drawn
    filters: tuple[int, int] = (8, 16)  # of the two convolutions
    features: int = 32  # of a frame
    width: int = 32  # units of the LSTM
    films: int = 4  # films of every dev and test digit
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(
        rule="adam", learning_rate=3e-3, clip_norm=1.0, schedule="cosine"
    )
    run: Run = Run(steps=1200, batch_size=64, evaluate_every=100)

    def __post_init__(self) -> None:
        """Refuse what no film can be."""
        for name in ("frames", "fastest", "features", "width", "films"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}: must be 1 or more, got {getattr(self, name)}")
        if 2 * self.fastest >= self.side:
            raise ValueError(f"fastest: must be below half of side={self.side}")


def build(config: Config) -> Task:
    """The Task."""
    held = data.load(config.data, kinds=("images",))
    H, W, C = held.train.inputs.shape[1:]
    if max(H, W) > config.side:
        raise UserError(f"--side={config.side}: the images are {H}x{W}; give a larger field")
    model = FilmNetwork(len(WAYS), config.reading, config.filters, config.features, config.width)

    def films(images: Array, keys: Array) -> Batch:
        drawn = jax.vmap(
            lambda key, image: moving(key, image, config.frames, config.side, config.fastest)
        )
        inputs, targets = drawn(keys, images)  # [B, T, side, side, C]
        return {"inputs": inputs, "targets": targets}

    def train(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, drawn["slot"])
        return films(constants["train"]["inputs"][drawn["index"]], keys)

    def judged(name: str) -> Source:
        def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
            fixed = jax.random.key(EVAL_KEYS[name])
            keys = jax.vmap(jax.random.fold_in, (None, 0))(fixed, drawn["index"])
            images = constants[name]["inputs"]
            return films(images[drawn["index"] % len(images)], keys)

        return Source(len(getattr(held, name)) * config.films, batch)

    def predict(params: Params, extra: Any, batch: Batch, context: Context) -> Array:
        x = batch["inputs"].astype(params["softmax"]["kernel"].dtype) / 255
        return model.apply({"params": params}, x)[0]

    def loss(params: Params, extra: Any, batch: Batch, context: Context) -> tuple[Sum, Aux]:
        z = predict(params, extra, batch, context)
        cost, told = supervised.classify(z, batch["targets"], batch["mask"])
        return cost, Aux(extra, told)

    def init(key: Array) -> tuple[Params, Any]:
        return model.init(key, jnp.zeros((1, config.frames, config.side, config.side, C)))[
            "params"
        ], {}

    return Task(
        init=init,
        loss=loss,
        tx=optim.make(config.optimizer),
        hyper=optim.hyper(config.optimizer),
        train=Source(len(held.train), train),
        evals={name: judged(name) for name in EVAL_KEYS if len(getattr(held, name))},
        constants=data.constants(held),
        predict=predict,
    )


def one_frame_is_chance(results: Results) -> tuple[bool, str]:
    """Notes 5: an activity is a sequence of frames: one frame alone does not tell the direction."""
    arm = results["one_frame"]
    share, count = arm["test/accuracy"], len(arm.predict("test")[1]["targets"])
    low, high = interval(share, count)
    told = f"{share:.1%} of {count}, chance {1 / len(WAYS):.1%}; 95 %: {low:.1%} to {high:.1%}"
    return low <= 1 / len(WAYS) <= high, told


def order_tells(results: Results) -> tuple[bool, str]:
    """Notes 5: a sequence model recognises the activity from the frames in their order."""
    share = results["sequence"]["test/accuracy"]
    return share > 0.9, f"{share:.1%} on test"


def mean_loses_the_sense(results: Results) -> tuple[bool, str]:
    """A film backwards has the same frames: the mean over frames tells an axis at best, 1 in 4."""
    share = results["mean"]["test/accuracy"]
    return share < 0.3, f"{share:.1%} on test, {2 / len(WAYS):.0%} by the axis alone"


def figures(results: Results) -> Iterator[Picture]:
    """Films in strips with what each arm says, how often it is right, and its confusions."""
    from ngjax.report import figures as draw

    right = {name: arm["test/accuracy"] for name, arm in results.items()}
    spread = {name: arm.spread("test/accuracy") for name, arm in results.items()}
    yield Picture(
        "accuracy",
        f"Share of test films whose direction is told; chance is {1 / len(WAYS):.3f}.",
        draw.bars(right, spread, xlabel="accuracy on test", best=max(right, key=right.get)),
    )
    answers = {name: arm.predict("test") for name, arm in results.items()}
    batch = next(iter(answers.values()))[1]
    strips, titles = [], []
    for n in range(min(SHOWN, len(batch["targets"]))):
        frames = np.asarray(batch["inputs"][n, ..., 0])  # [T, H, W]
        framed = np.pad(frames, ((0, 0), (1, 1), (1, 1)), constant_values=GREY)
        strips.append(np.concatenate(framed, axis=1))
        said = "   ".join(f"{name}: {ARROWS[z[n].argmax()]}" for name, (z, _) in answers.items())
        titles.append(f"goes {ARROWS[batch['targets'][n]]}      {said}")
    yield Picture(
        "films",
        "Test films, frame by frame, the direction they go in, and what each arm says.",
        draw.image_grid(strips, titles, columns=1),
    )
    for name, (z, held) in answers.items():
        counts = np.zeros((len(WAYS), len(WAYS)), int)
        np.add.at(counts, (held["targets"], z.argmax(axis=1)), 1)
        told = f"Arm {name}: which direction of a test film was taken for which."
        yield Picture(f"confusion_{name}", told, draw.confusion(counts, NAMES))


def name_film(learned: Learned, source: str) -> Answer:
    """--mode=predict: the direction in a folder of frames, in the order of their names."""
    config, paths = learned.config, naming.image_paths(source)
    if len(paths) != config.frames:
        raise UserError(f"--input={source}: give a folder of {config.frames} frames, one an image")
    shape = (config.side, config.side, data.load(config.data).train.inputs.shape[-1])
    film = np.stack([data.like(data.read_image(path), shape) for path in paths])[None]
    z = learned.outputs(data.Split(film, np.zeros(1, np.int32)))
    (share,) = naming.probabilities(learned.name, z, len(WAYS))
    best = np.argsort(-share, kind="stable")[: naming.MOST]
    return Answer(("  ".join(f"{NAMES[k]} {share[k]:.3f}" for k in best),))


def texts(results: Results) -> Iterator[Text]:
    """Where the digits come from."""
    held = data.load(results.only.config.data)
    yield Text("Data", f"{held.origin}; {held.notes}; films of them are drawn by seed")


EXPERIMENT = Experiment(
    notes="5, 5.1",
    config=Config(),
    build=build,
    objective=("dev/accuracy", "max"),
    arms={name: (f"reading={name}",) for name in ("one_frame", "mean", "channels", "sequence")},
    smoke=(
        "run.steps=4",
        "run.batch_size=8",
        "data.limit=40",
        "films=1",
        "frames=3",
        "side=12",
        "filters=2,2",
        "features=4",
        "width=4",
    ),
    claims={
        "one-frame-is-chance": one_frame_is_chance,
        "order-tells": order_tells,
        "mean-loses-the-sense": mean_loses_the_sense,
    },
    figures=figures,
    texts=texts,
    predict=name_film,
)
