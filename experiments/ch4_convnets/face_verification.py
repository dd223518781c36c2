r"""Face verification: is this the claimed person? An encoding learned from triplets answers.

    d(x1, x2) = ||f(x1) - f(x2)||^2 < tau        ->  the same person
"""
from __future__ import annotations
import dataclasses
from ngjax import data, metric_learning, optim
from ngjax.experiment import Experiment
from ngjax.metric_learning import Lesson
from ngjax.models.facenet import FaceNet
from ngjax.train.settings import Run
from ngjax.types import Task
import numpy as np
from ngjax import strategy
from ngjax.strategy import verification as V
from ngjax.ops.distance import squared_distances
import functools

ARMS = {
    "batch-hard": (),
    "semi-hard": ("learns=semi-hard",),
    "random": ("learns=random",),
    "classification": ("learns=classification",),
    "both": ("learns=both",),
    "logistic": ("learns=logistic",),
}

@dataclasses.dataclass(frozen=True)
class Config:
    """What may be turned."""

    learns: metric_learning.Learns = "batch-hard"  # what is brought down
    margin: float = 0.2  # alpha of the triplets
    size: int = 64  # numbers of the encoding
    width: float = 1.0  # factor of all filters
    stem: int = 2  # step
    each: int = 4  # photographs of a person in a batch
    most: int = 56  # pixels
    field: int = 24  # pixels
    turn: float = 10.0  # degrees
    zoom: float = 0.1  # share
    shift: float = 3.0  # pixels
    contrast: float = 0.2  # share
    flip: bool = True  # mirror
    skip_single: bool = False  # pass
    data: data.Data = data.Data(name="digits")
    optimizer: optim.Optimizer = optim.Optimizer(rule="adam", learning_rate=1e-3, schedule="cosine")
    run: Run = Run(steps=300, batch_size=48)


def shrunk(images, most):
    step = -(-max(images.shape[1:3]) // most)
    m, H, W, C = images.shape
    H, W = H // step * step, W // step * step
    im = images[:, :H, :W].reshape(m, H // step, step, W // step, step, C)
    return np.rint(im.mean((2, 4))).astype(np.uint8)


def prepared(config):
    held = data.load_people(config.data, skip_single=config.skip_single)
    return data.changed(held, lambda x: shrunk(data.field(x, config.field) if max(x.shape[1:3]) < config.field else x, config.most))


def score(f, people, pixels, tests, l1=False):
    out = {}
    x = pixels.reshape(len(pixels), -1) / 255.0
    for name, e in (("", f), ("pixels_", x)):
        def dist(e):
            if l1 and not name:
                return np.abs(e[:, None] - e[None]).sum(-1)
            return np.asarray((e**2).sum(1)[:, None] - 2 * e @ e.T + (e**2).sum(1)[None])
        def part(which):
            i, j, same = V.pairs(people[which])
            return dist(e[which])[i, j], same
        dd, ds = part(~tests if not tests.all() else tests)
        td, ts = part(tests)
        tau = V.choose_threshold(V.roc(dd, ds))
        c = V.roc(td, ts)
        out |= {name + "verified": V.accuracy_at(td, ts, tau), name + "eer": V.equal_error(c), name + "tar": V.true_accept_at(c), name+"best": V.accuracy_at(td, ts, V.choose_threshold(c))}
    return out


def build(config):
    held = prepared(config)
    lesson = Lesson(config.learns, config.margin)
    model = FaceNet(config.size, 0 if not lesson.classifies else int(held.train.targets.max()) + 1, config.learns == "logistic", config.width, config.stem)
    aug = functools.partial(data.warp_and_light, turn=config.turn, zoom=config.zoom, shift=config.shift, contrast=config.contrast, flip=config.flip)
    return metric_learning.task(held, model, config.optimizer, lesson, functools.partial(score, l1=config.learns == "logistic"), each=config.each, augment=aug, flip=config.flip)

EXPERIMENT = Experiment(notes="4.14", config=Config(), build=build, objective=("dev/verified", "max"), arms=ARMS, smoke=("run.steps=2",))
