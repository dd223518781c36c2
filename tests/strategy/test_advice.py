"""Advice names flags that exist, with values that are taken, and nothing else."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ngjax import config as cfg
from ngjax import data, optim, strategy
from ngjax.experiment import discover, load, runner
from ngjax.experiment import plan as planning
from ngjax.train.settings import Run


@dataclasses.dataclass(frozen=True)
class Config:
    hidden: tuple[int, ...] = (8, 4)  # units
    dropout: float = 0.0  # share
    shift: int = 0  # pixels
    data: data.Data = data.Data(limit=100)
    optimizer: optim.Optimizer = optim.Optimizer()
    run: Run = Run(epochs=5)


def tries(config, stage, **kw):
    return {advice.path: advice.tries for advice in strategy.advise(config, stage, **kw)}


def test_a_config_by_hand():
    assert tries(Config(), "bias") == {
        "run.epochs": (10,),
        "hidden": ((16, 8),),
        "optimizer.rule": ("momentum", "rmsprop", "adam"),
        "optimizer.learning_rate": (0.3, 0.033),
    }
    assert tries(Config(), "variance") == {
        "data.limit": (0,),
        "optimizer.l2": (1e-3,),
        "optimizer.l1": (1e-4,),
        "optimizer.weight_decay": (1e-2,),
        "dropout": (0.2,),
        "shift": (1,),
        "run.patience": (3,),
        "run.weights": ("best",),
    }
    assert tries(Config(), "dev set") == {"data.dev": (0.3,)}


def test_steps_overrule_epochs():
    found = tries(cfg.override(Config(), ("run.steps=7",)), "bias")
    assert found["run.steps"] == (14,) and "run.epochs" not in found


def test_what_is_off_the_table_is_not_named():
    changed = cfg.override(Config(), ("data.limit=0", "dropout=0.7", "optimizer.rule=adam"))
    assert not {"data.limit", "dropout"} & tries(changed, "variance").keys()
    assert "optimizer.rule" not in tries(changed, "bias")
    assert "hidden" not in tries(Config(), "bias", fixed={"hidden"})


def test_a_value_that_the_config_refuses_is_not_suggested():
    held = cfg.override(Config(), ("optimizer.rule=lbfgs", "run.batch_size=0"))

    @dataclasses.dataclass(frozen=True)
    class Picky:
        shift: int = 0  # pixels

        def __post_init__(self):
            if self.shift:
                raise ValueError("shift: must be 0")

    assert tries(Picky(), "variance") == {}
    assert "optimizer.rule" not in tries(held, "bias")


def test_one_knob_has_one_effect():
    """Orthogonalisation: but for the architecture, no pattern stands under two stages."""
    seen = {}
    for remedy in strategy.REMEDIES:
        if remedy.what != "another architecture":
            for pattern in remedy.patterns:
                assert seen.setdefault(pattern, remedy.stage) == remedy.stage
    assert {remedy.stage for remedy in strategy.REMEDIES} == set(strategy.STAGES)


@pytest.mark.parametrize("name", [n for n in discover() if load(n).build])
@pytest.mark.parametrize("stage", strategy.STAGES)
def test_every_topics_advice_is_taken_by_its_config(name, stage):
    experiment = load(name)
    for arm in experiment.arms.values():
        config = cfg.override(experiment.config, arm)
        for advice in strategy.advise(config, stage):
            for value, flag in zip(advice.tries, advice.flags, strict=True):
                changed = cfg.flatten(cfg.override(config, (flag.removeprefix("--"),)))
                assert changed[advice.path] == value
                before = cfg.flatten(config)[advice.path]
                assert before == advice.now and (value != before or stage == "real world")


def test_a_report_ends_with_the_diagnosis(tmp_path):
    folder = tmp_path / "run"
    request = planning.Request(
        "optimizers",
        ("data.human_error=0.03",),
        ("adam",),
        smoke=True,
        workdir=folder,
        command=("launch.py",),
    )
    runner.run(planning.plan(request))
    html = (folder / "report.html").read_text()
    section = html[html.rindex('<section class="text">') :]
    assert "<h2>Diagnosis</h2>" in section and "--run.steps=6" in section
    assert "--optimizer.rule" not in section  # the arm sets it
    arm = json.loads((folder / "summary.json").read_text())["arms"]["adam"]
    found, metrics = arm["diagnosis"], arm["metrics"]
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    train = [row["train/accuracy"] for row in rows if "train/accuracy" in row]
    assert len(train) == 3  # all in the first, and last, epoch
    assert found["train_error"] == pytest.approx(1 - sum(train) / 3)
    assert found["dev_error"] == pytest.approx(1 - metrics["dev/accuracy"])
    assert found["avoidable_bias"] == pytest.approx(found["train_error"] - 0.03)
    assert found["variance"] == pytest.approx(found["dev_error"] - found["train_error"])
    assert found["larger"] == "bias" and "--run.steps=6" in found["advice"]["bias"]


@pytest.mark.parametrize("item", data.names())
def test_a_human_level_says_where_it_is_from(item):
    human = data.entry(item).human
    assert human is None or (0 <= human.error < 0.5 and len(human.source) > 20)


def test_the_flag_goes_before_the_catalogue():
    assert data.human_level(data.Data("digits")).error == 0.002
    asked = data.Data("digits", human_error=0.1)
    assert data.human_level(asked) == data.Human(0.1, "--data.human_error")
    assert data.human_level(data.Data("wine")) is None
    assert data.load(asked).human.error == 0.1
    with pytest.raises(ValueError, match="human_error=2"):
        data.Data(human_error=2.0)
