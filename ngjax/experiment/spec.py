"""An experiment: one file of `experiments/`, found by its name, that exports `EXPERIMENT`.

    experiments/ch4_convnets/lenet.py  ->  python launch.py --experiment=lenet

Adding a topic is adding that file: no list, flag or README row is edited by hand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ngjax import config as cfg
from ngjax.report.results import Text
from ngjax.types import Task

if TYPE_CHECKING:
    from ngjax import data
    from ngjax.experiment.results import Results

Holds = bool | tuple[bool, str]  # a claim's answer, with the numbers it was read from


class Picture(NamedTuple):
    """One figure of a topic."""

    name: str  # the file's name without its suffix
    caption: str
    figure: Any  # matplotlib Figure, or the bytes of a PNG or a GIF, which are kept as they are


class Learned(NamedTuple):
    """An arm of a finished run, as --mode=predict and --mode=sample ask it."""

    name: str  # of the topic
    config: Any
    task: Task
    params: Any  # the weights that are judged
    extra: Any  # batch statistics and the like, of the same state
    outputs: Callable[[data.Split], Any]  # `Task.predict` of examples, one row each


class Answer(NamedTuple):
    """What an arm answers."""

    lines: tuple[str, ...]  # printed
    files: Mapping[str, bytes] = {}  # name -> content, written to the run folder


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What a topic is.

    Attributes:
        notes: the sections of the notes, as "4.4, 4.6".
        config: a frozen dataclass with every knob; `config.run` is a `train.settings.Run`.
        build: config -> Task, for topics that train.
        run: (config, seed) -> {name: value}, for topics that train nothing; floats are metrics.
        objective: (metric, "max" or "min"): what best, early stopping and search look at.
        arms: name -> overrides; what the topic compares, in the command line's own language.
        smoke: overrides that make a run of seconds.
        claims: id -> does the notes' verdict hold in these results?
        figures: results -> pictures.
        texts: results -> preformatted texts.
        network: config -> (Linen module, shape of one example), for --mode=table.
        predict: (learned, text of --input) -> the answer of --mode=predict; by default an image's
            class, by `naming.name_images`.
        sample: likewise, the answer of --mode=sample: something new, begun by --input where it is
            not empty.
        cores_as_devices: config -> whether, on a CPU, cores that are made devices and share out the
            batch were measured to be quicker than one device, whose operations use all cores;
            --devices=auto asks. None: they nowhere were.
        terms: of the notes' index, those that this topic is an entry point of.
    """

    notes: str
    config: Any
    build: Callable[[Any], Task] | None = None
    run: Callable[[Any, int], Mapping[str, Any]] | None = None
    objective: tuple[str, str] = ("dev/loss", "min")
    arms: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=lambda: {"default": ()})
    smoke: tuple[str, ...] = ()
    claims: Mapping[str, Callable[[Results], Holds]] = dataclasses.field(default_factory=dict)
    figures: Callable[[Results], Iterable[Picture]] | None = None
    texts: Callable[[Results], Iterable[Text]] | None = None
    network: Callable[[Any], tuple[Any, tuple[int, ...]]] | None = None
    predict: Callable[[Learned, str], Answer] | None = None
    sample: Callable[[Learned, str], Answer] | None = None
    cores_as_devices: Callable[[Any], bool] | None = None
    terms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """A topic trains or it runs; every override it holds must be one its config has."""
        if (self.build is None) == (self.run is None):
            raise ValueError("an experiment gives build or run, one of them")
        for overrides in (self.smoke, *self.arms.values()):
            cfg.override(self.config, overrides)


def claim_text(name: str, claim: Callable[..., Any] | None) -> str:
    """What a claim says: the first line of its docstring."""
    return ((claim and claim.__doc__) or name).strip().splitlines()[0]
