"""The override language: every type, every refusal."""

from __future__ import annotations

import dataclasses
import json
from typing import Literal

import pytest

from ngjax import config as cfg
from ngjax.types import UserError


@dataclasses.dataclass(frozen=True)
class Inner:
    rule: Literal["adam", "rmsprop"] = "adam"  # which rule
    learning_rate: float = 1e-3  # alpha

    def __post_init__(self):
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate: must be above 0, got {self.learning_rate}")


@dataclasses.dataclass(frozen=True)
class Outer:
    depth: int = 20  # layers, 6n + 2
    shortcut: bool = True  # False: the plain network
    sizes: tuple[int, ...] = (3, 4)  # hidden units
    pair: tuple[float, str] = (0.5, "a")
    manual: tuple[tuple[int, float], ...] = ()  # epoch:rate
    width: int | None = None  # none: as the paper
    name: str = "x"
    inner: Inner = Inner()


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("depth=56", "depth", 56),
        ("depth=1e3", "depth", 1000),
        ("shortcut=false", "shortcut", False),
        ("shortcut=True", "shortcut", True),
        ("sizes=1,2,3", "sizes", (1, 2, 3)),
        ("sizes=", "sizes", ()),
        ("pair=0.25,b", "pair", (0.25, "b")),
        ("manual=1:0.1,5:0.01", "manual", ((1, 0.1), (5, 0.01))),
        ("width=7", "width", 7),
        ("width=none", "width", None),
        ("name=a=b", "name", "a=b"),
        ("inner.rule=rmsprop", "inner", Inner(rule="rmsprop")),
        ("inner.learning_rate=3e-4", "inner", Inner(learning_rate=3e-4)),
    ],
)
def test_override_reads(text, field, expected):
    changed = cfg.override(Outer(), [text])
    assert getattr(changed, field) == expected
    assert type(getattr(changed, field)) is type(expected)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dept=3", "--dept: no such knob; did you mean depth?"),
        ("learning_rate=3", "--learning_rate: no such knob; did you mean inner.learning_rate?"),
        ("depth=1.5", "--depth=1.5: expected a whole number"),
        ("depth=", "--depth=: expected a whole number"),
        ("shortcut=maybe", "--shortcut=maybe: expected true or false"),
        ("inner.learning_rate=nan", "--inner.learning_rate=nan: expected a finite number"),
        ("inner.learning_rate=-1", "--inner.learning_rate: must be above 0, got -1.0"),
        ("inner.rule=adm", "expected one of adam, rmsprop; did you mean adam?"),
        ("pair=1", "--pair=1: expected 2 values, got 1"),
        ("inner=3", "--inner: no such knob"),
        ("depth", "depth: an override is written path=value"),
    ],
)
def test_override_refuses_in_one_line(text, message):
    with pytest.raises(UserError) as caught:
        cfg.override(Outer(), [text])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_is_the_trailing_comment():
    found = {knob.path: knob for knob in cfg.knobs(Outer())}
    assert found["depth"].help == "layers, 6n + 2"
    assert found["inner.learning_rate"].help == "alpha"
    assert found["pair"].help == ""
    assert cfg.spell(found["inner.rule"].annotation) == "adam|rmsprop"
    assert cfg.spell(found["width"].annotation) == "int or none"
    assert cfg.spell(found["manual"].annotation) == "int:float,..."


def test_json_and_command_line_round_trips():
    config = cfg.override(Outer(), ["manual=1:0.1", "width=3", "shortcut=no", "sizes=9"])
    assert cfg.override(Outer(), json.loads(json.dumps(cfg.flatten(config)))) == config
    typed = [f"{path}={cfg.write(value)}" for path, value in cfg.flatten(config).items()]
    assert cfg.override(Outer(), typed) == config
