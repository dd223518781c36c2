"""Every topic's knobs stand beside the launcher's own flags; a name is taken once."""

from __future__ import annotations

import dataclasses

import commands
import pytest
from absl import flags

from ngjax import config as cfg
from ngjax.experiment.catalogue import discover, load


@pytest.fixture(scope="module")
def defines():
    with commands.launcher() as module:
        yield module.define_knobs


@pytest.fixture
def define(defines):
    """`define_knobs`, what it defined forgotten afterwards."""
    before = set(flags.FLAGS)
    yield defines
    commands.forget(set(flags.FLAGS) - before)


@pytest.mark.parametrize("name", discover())
def test_every_knob_is_a_flag_that_reads_what_it_writes(define, name):
    before, config = set(flags.FLAGS), load(name).config
    switches = {flag for flag in before if flags.FLAGS[flag].boolean}
    define(config)
    knobs = cfg.flatten(config)
    assert set(flags.FLAGS) - before == set(knobs)
    switches |= {path for path in knobs if flags.FLAGS[path].boolean}
    assert not {f"no{switch}" for switch in switches} & set(flags.FLAGS), "--noX turns X off"
    for path, default in knobs.items():
        flag = flags.FLAGS[path]
        assert flag.value == default
        assert flag.parser.parse(cfg.write(default)) == default, path


@pytest.mark.parametrize("taken", ["seed", "v"])
def test_a_field_named_as_another_flag_is_found(define, taken):
    config = dataclasses.make_dataclass("Config", [(taken, int, 0)])()
    with pytest.raises(flags.DuplicateFlagError, match=f"The flag '{taken}' is defined twice"):
        define(config)
