"""The end of every report of a topic that trains: where its error comes from, what to turn.

    avoidable bias = train error - human error          variance = dev error - train error

Notes 3.3. It costs the run nothing: it reads what was measured anyway. The train error is exact
where the training set is among the evaluation sets; else it is the mean over the last epoch as it
trained, with the weights of the time, and with dropout and augmentation where they are on.
"""

from __future__ import annotations

import dataclasses
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ngjax import config as cfg
from ngjax import data, strategy
from ngjax.experiment.results import Arm, NotAsked, Results
from ngjax.report.results import Text

if TYPE_CHECKING:
    from ngjax.experiment.plan import Plan

WIDTH = 100  # letters of a line of words
HELD_OUT = ("dev", "test")  # what stands for the dev set, in the order of preference
STOPPING = {"run.patience", "run.weights"}  # they look at a dev set
AGAINST = {"dev set": "a dev set that was fitted too closely"}
UNKNOWN = (
    "none is known for this set (--data.human_error sets one), so what of the train error is "
    "avoidable cannot be told: the bias is at most that"
)
EXACT, TRAINED = "exact", "mean over the last epoch, as it trained"


@dataclasses.dataclass(frozen=True)
class Found:
    """What is wrong with one arm; errors are means over its seeds.

    Attributes:
        metric: "accuracy", whose complement is the error, or "loss" where there is none.
        measured: how the train error was: exact, or as it trained.
        split: whose error stands as the dev error: the test set's where there is no dev set.
        test: error on the test set, where that is another one.
        human: of the data set; None where no error is known, or the metric is a loss.
    """

    metric: str
    train: float
    measured: str
    dev: float
    split: str
    test: float | None
    human: data.Human | None
    gaps: strategy.Diagnosis
    advice: Mapping[str, tuple[strategy.Advice, ...]]

    def summary(self) -> dict[str, Any]:
        """For `summary.json`."""
        return {
            "metric": self.metric,
            "train_error": self.train,
            "train_measured": self.measured,
            "dev_error": self.dev,
            "dev_split": self.split,
            "test_error": self.test,
            "human_error": self.human.error if self.human else None,
            "avoidable_bias": self.gaps.avoidable_bias if self.human else None,
            "variance": self.gaps.variance,
            "larger": self.larger,
            "words": self.words,
            "advice": {
                stage: [flag for one in each for flag in one.flags]
                for stage, each in self.advice.items()
            },
        }

    @property
    def words(self) -> str | None:
        """In the notes' words, as "high bias/low variance"; a loss has no scale to call high."""
        return self.gaps.words if self.metric == "accuracy" else None

    @property
    def larger(self) -> str | None:
        """The larger gap; of a loss nobody knows the part that cannot be avoided."""
        return self.gaps.larger if self.metric == "accuracy" else None


def diagnoses(made: Plan, results: Results) -> dict[str, Found]:
    """Arm -> what is wrong with it; without the arms that hold nothing out."""
    found = {}
    for name, arm in results.items():
        if name in made.programs:
            try:
                found[name] = _diagnosed(made, arm)
            except NotAsked:  # nothing is held out, or the metric is not of this kind
                continue
    return found


def _diagnosed(made: Plan, arm: Arm) -> Found:
    error = _error(arm, "accuracy")
    metric = "accuracy" if error else "loss"
    error = error or _error(arm, "loss")
    if error is None:
        raise NotAsked(f"arm {arm.name} holds nothing out")
    train, measured, dev, split = error
    test = _held_out(arm, "test", metric) if split == "dev" else None
    asked = getattr(arm.config, "data", None)
    known = metric == "accuracy" and isinstance(asked, data.Data)
    human = data.human_level(asked) if known else None
    gaps = strategy.diagnose(train, dev, human.error if human else None)
    fixed = {change.partition("=")[0] for change in made.experiment.arms[arm.name]}
    if split != "dev":
        fixed |= STOPPING
    stages = _stages(gaps, dev, test) if metric == "accuracy" else ()
    advice = {stage: strategy.advise(arm.config, stage, fixed) for stage in stages}
    return Found(metric, train, measured, dev, split, test, human, gaps, advice)


def _stages(gaps: strategy.Diagnosis, dev: float, test: float | None) -> tuple[strategy.Stage, ...]:
    """What to work on: the larger gap; both where nobody can tell which; the dev set."""
    unknown = ("bias", "variance") if max(gaps[:2]) > 0 else ()
    stages = (gaps.larger,) if gaps.larger else unknown
    fitted = test is not None and test - dev > gaps.cut
    return (*stages, "dev set") if fitted else stages


def _error(arm: Arm, metric: str) -> tuple[float, str, float, str] | None:
    """(train error, how it was measured, error held out, where); None where it was not measured."""
    name = f"train/{metric}"
    for split in HELD_OUT:
        held = _held_out(arm, split, metric)
        if held is not None:
            exact = arm.task is not None and "train" in arm.task.evals
            try:
                train = arm[name] if exact else _last_epoch(arm, name)
            except NotAsked:
                return None
            train = 1 - train if metric == "accuracy" else train
            return train, EXACT if exact else TRAINED, held, split
    return None


def _held_out(arm: Arm, split: str, metric: str) -> float | None:
    try:
        value = arm[f"{split}/{metric}"]
    except NotAsked:
        return None
    return 1 - value if metric == "accuracy" else value


def _last_epoch(arm: Arm, metric: str) -> float:
    """The mean over the rows of the last epoch, of every seed."""
    means = []
    for rows in arm.rows.values():
        logged = [(row["epoch"], row[metric]) for row in rows if row.get(metric) is not None]
        if logged:
            last = logged[-1][0]
            means.append(statistics.fmean(v for epoch, v in logged if epoch > last - 1))
    if not means:
        raise NotAsked(f"arm {arm.name} never logged {metric}")
    return statistics.fmean(means)


def text(found: Mapping[str, Found]) -> Text:
    """The section of the report."""
    judged = {name: one for name, one in found.items() if one.metric == "accuracy"}
    lines = _table(judged) if judged else []
    for name, one in found.items():
        if one.metric == "loss":
            lines += _words(
                f"{name}: loss {one.train:.4g} on train, {one.dev:.4g} on {one.split}, "
                f"{one.gaps.variance:+.4g} apart. No accuracy was measured, so there is no human "
                "level to set it against, and no bias and variance in the notes' sense."
            )
    for names in _together(found):
        lines += ["", *_advised(found[names[0]], "" if len(names) == len(found) else names)]
    return Text("Diagnosis", "\n".join(lines))


def _table(found: Mapping[str, Found]) -> list[str]:
    rows = [("", "human", "train", "held out", "avoidable bias", "variance", "work on")]
    for name, one in found.items():
        cells = (
            name,
            _percent(one.human.error) if one.human else "not known",
            _percent(one.train),
            f"{one.split} {_percent(one.dev)}",
            ("" if one.human else "at most ") + _points(one.gaps.avoidable_bias),
            _points(one.gaps.variance),
            one.larger or ("cannot tell" if max(one.gaps[:2]) > 0 else "neither"),
        )
        rows.append(cells)
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for name, *numbers, work in rows:
        cells = [number.rjust(w) for number, w in zip(numbers, wide[1:-1], strict=True)]
        lines.append("   ".join([name.ljust(wide[0]), *cells, work]))
    one = next(iter(found.values()))
    lines += ["", "Avoidable bias = train - human error, variance = held out - train error."]
    lines += [f"Train error: {one.measured}."]
    source = one.human.source if one.human else UNKNOWN
    return [*lines, *_words(f"Human error: {source}.")]


def _together(found: Mapping[str, Found]) -> list[list[str]]:
    """Arms that are advised the same, in one place."""
    alike: dict[Any, list[str]] = {}
    for name, one in found.items():
        if any(one.advice.values()):
            alike.setdefault(tuple(one.advice.items()), []).append(name)
    return list(alike.values())


def _advised(one: Found, names: Sequence[str]) -> list[str]:
    who = f" ({', '.join(names)})" if names else ""
    lines = _words("One knob at a time" + who + ":")
    width = max(len(str(each)) for advice in one.advice.values() for each in advice)
    for stage, advice in one.advice.items():
        if stage == "dev set":
            why = f": test error is {_points(one.test - one.dev)} above dev error"
        else:
            small = max(one.gaps[:2]) <= one.gaps.cut
            why = ", small as it is" if small else ""
        lines.append(f"  against {AGAINST.get(stage, stage)}{why}")
        for each in advice:
            lines.append(f"    {each!s:{width}}   {each.what}; now {cfg.write(each.now)}")
    return lines


def _words(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _percent(error: float) -> str:
    return f"{100 * error:.1f} %"


def _points(gap: float) -> str:
    return f"{100 * gap:.1f} points".replace("-", "−")
