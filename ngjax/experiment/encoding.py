"""What the topics about faces share: how people are brought to size, and what encodes them."""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np

from ngjax import data, metric_learning, optim, pretrained
from ngjax.metric_learning import Learns, Lesson, Score
from ngjax.models.facenet import FIXED, FaceNet, backbone
from ngjax.types import Task

WEIGHED = (224, 224, 3)  # what published weights of MobileNet were made for


@dataclasses.dataclass(frozen=True)
class Encoding:
    """An encoding of people and what it is learned from. Every field is a flag."""

    learns: Learns = "batch-hard"  # triplets, people by a softmax, both, or pairs by logistic
    margin: float = 0.2  # alpha of the triplets
    size: int = 64  # D, numbers of the encoding
    network: Literal["inception", "edges", "mobilenet"] = "inception"  # the others: fixed features
    weights: str = "mobilenet_v1_imagenet"  # of mobilenet: a file, or weights of the data catalogue
    modules: int = 2  # inception modules, 1 or 2
    width: float = 0.5  # factor of all filters
    each: int = 4  # photographs of a person in a batch
    least: int = 24  # pixels of the longer side that smaller images are brought to
    most: int = 28  # pixels of the longer side that larger images are brought to, in whole blocks
    skip_single: bool = False  # pass over people of one photograph; false: refuse them

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        if not self.width > 0:
            raise ValueError(f"width: must be above 0, got {self.width}")
        for name, fewest in (("size", 1), ("each", 2), ("least", 8)):
            if getattr(self, name) < fewest:
                raise ValueError(f"{name}: must be {fewest} or more, got {getattr(self, name)}")
        if self.modules not in (1, 2):
            raise ValueError(f"modules: must be 1 or 2, got {self.modules}")
        if self.most < self.least:
            raise ValueError(f"most: must be {self.least} (least) or more, got {self.most}")
        if self.margin < 0:
            raise ValueError(f"margin: must be 0 or more, got {self.margin}")

    @property
    def lesson(self) -> Lesson:
        """What is brought down."""
        return Lesson(self.learns, self.margin)


def people(encoding: Encoding, which: data.Data) -> data.Dataset:
    """The set, split by person, brought to size."""
    held = data.load_people(which, skip_single=encoding.skip_single)
    return data.changed(held, lambda images: data.sized(images, encoding.least, encoding.most))


def network(encoding: Encoding, held: data.Dataset) -> FaceNet:
    """The encoding's network for these people."""
    return FaceNet(
        encoding.size,
        people=len(np.unique(held.train.targets)) if encoding.lesson.classifies else 0,
        logistic=encoding.learns == "logistic",
        network=encoding.network,
        modules=encoding.modules,
        width=encoding.width,
    )


def task(
    encoding: Encoding,
    held: data.Dataset,
    which: data.Data,
    optimizer: optim.Optimizer,
    warp: data.Warp,
    score: Score,
) -> Task:
    """The Task of learning this encoding.

    Raises:
        UserError: as `pretrained.load`, where the network has published weights.
    """
    known = None
    if encoding.network == "mobilenet":
        own = data.entry(which.name).own  # then the directory holds the user's images alone
        path = pretrained.place(encoding.weights, "" if own else which.directory)
        known = pretrained.load(backbone(), path, WEIGHED)
    return metric_learning.task(
        held,
        network(encoding, held),
        optimizer,
        encoding.lesson,
        score,
        each=encoding.each,
        augment=warp,
        flip=warp.flip,
        fixed=encoding.network in FIXED,
        backbone=known,
    )
