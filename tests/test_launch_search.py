"""--mode=search: as it is typed, wrong words included; what it shares, keeps and refuses."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time

import jax
import numpy as np
import pytest
from commands import ENVIRONMENT, HASTE, ROOT, answered, launch, typed

from ngjax import config as cfg
from ngjax import search
from ngjax.experiment import plan as planning
from ngjax.experiment import runner, search_plan, searching, suggest
from ngjax.experiment.catalogue import discover, load
from ngjax.experiment.search_plan import Search
from ngjax.experiment.trials import Book
from ngjax.train import devices as dev
from ngjax.types import UserError

RATE = "optimizer.learning_rate=log(1e-3,1)"
QUICK = ("run.steps=3", "data.limit=200", "hidden=5")


def words(folder, space=RATE, arm="momentum", knobs=QUICK, **more):
    flags = {"experiment": "optimizers", "mode": "search", "arms": arm, "search": space, **more}
    flags |= {"workdir": folder} | dict(knob.split("=", 1) for knob in knobs)
    return [f"--{name}={value}" for name, value in flags.items()]


def lines(folder):
    rows = map(json.loads, (folder / "trials.jsonl").read_text().splitlines())
    found = {row["trial"]: row for row in rows}
    for row in found.values():
        for seed in row["seeds"].values():
            del seed["seconds"], seed["examples_per_second"]
    return found


def planned(folder, space=RATE, name="optimizers", arms=("momentum",), overrides=QUICK, **asked):
    own = {k: asked.pop(k) for k in ("seed", "seeds", "smoke", "devices") if k in asked}
    request = planning.Request(name, overrides, arms, workdir=folder, command=("launch.py",), **own)
    return search_plan.plan(request, Search(space, **{"trials": 4, **asked}))


def searched(folder, *arguments, **asked):
    return searching.run(planned(folder, *arguments, **asked))


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--search=learning_rate=log(1,2)"], "did you mean optimizer.learning_rate?"),
        (["--search=optimizer.learning_rate=lg(1,2)"], "did you mean log?"),
        ([], "--search: says nothing to search"),
        ([f"--search={RATE}", "--strategy=rndom"], "strategy"),
        ([f"--search={RATE}", "--trials=0"], "trials"),
        ([f"--search={RATE}", "--population=vmp"], "population"),
        ([f"--search={RATE}", "--arms=adam,batch"], "--arms=adam,batch: a search takes one arm"),
        ([f"--search={RATE}", "--optimizer.learning_rate=1"], "--optimizer.learning_rate: arm"),
        (["--mode=train", "--trials=3"], "--trials: belongs to --mode=search"),
        (["--mode=eval", f"--search={RATE}"], "--search: belongs to --mode=search"),
    ],
)
def test_a_mistake_is_answered_in_one_line_and_leaves_nothing(extra, message, tmp_path):
    done = answered("--experiment=optimizers", "--mode=search", *extra, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"name": "hyperparameter_search", "arms": (), "overrides": ()}, "trains nothing"),
        ({"arms": ("momentom",)}, "did you mean momentum?"),
        ({"space": "hidden=choice(4|5)"}, "--search: hidden is given as a flag too"),
        ({"space": "run.ema=uniform(0.5,1)", "strategy": "grid"}, "--run.ema: must be in"),
        ({"overrides": ("data.dev=0",)}, "looks at dev/accuracy, and there is no dev set"),
        ({"overrides": ("run.patience=2",), "population": "vmap"}, "use sequential"),
    ],
)
def test_a_plan_refuses_in_one_line(asked, message, tmp_path):
    with pytest.raises(UserError) as caught:
        planned(tmp_path / "s", **asked)
    assert message in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "s").exists()


def test_without_optuna_its_strategy_is_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(UserError, match="--strategy=optuna: it is not installed"):
        planned(tmp_path, strategy="optuna")


def test_typed_it_leaves_the_whole_folder_and_goes_on_where_it_was(tmp_path):
    done = launch(*words(tmp_path, trials=5))
    assert done.returncode == 0, done.stderr
    assert "trials 5, diverged 0, compilations 1" in done.stdout
    assert done.stderr.count("trial ") == 5
    first, tree = lines(tmp_path), json.loads((tmp_path / "search.json").read_text())
    assert tree["status"] == "complete" and tree["finished"] == 5
    best = max(first.values(), key=lambda row: row["objective"])
    assert tree["best"][0]["trial"] == best["trial"]
    assert (tmp_path / "figures" / "trials.png").stat().st_size > 5_000
    page = (tmp_path / "report.html").read_text()
    assert f"--optimizer.learning_rate={best['values']['optimizer.learning_rate']}" in page
    book = tmp_path / "trials.jsonl"
    kept = book.read_text().splitlines(keepends=True)
    book.write_text("".join(kept[:2]) + kept[2][:40])  # killed while it wrote the third
    again = answered(*words(tmp_path, trials=5), cwd=ROOT)
    assert again.returncode == 0 and again.stderr.count("trial ") == 3
    assert Book(tmp_path, ("dev/accuracy", "max")).told().keys() == set(range(5))
    text = [line for line in book.read_text().splitlines() if line != kept[2][:40]]
    book.write_text("\n".join(text) + "\n")
    assert lines(tmp_path) == first
    more = answered(*words(tmp_path, trials=6), cwd=ROOT)
    assert more.returncode == 0 and more.stderr.count("trial ") == 1
    other = answered(*words(tmp_path, space="optimizer.learning_rate=log(1e-3,2)"), cwd=ROOT)
    assert other.returncode == 2
    assert "holds a search with another search; choose another --workdir" in other.stderr


def test_a_trial_is_the_run_that_its_flags_give(tmp_path):
    searched(tmp_path / "s", f"{RATE} optimizer.beta1=uniform(0,0.9)", trials=3)
    made = planned(tmp_path / "s", f"{RATE} optimizer.beta1=uniform(0,0.9)", trials=3)
    for row in lines(tmp_path / "s").values():
        flags = [f"{path}={cfg.write(value)}" for path, value in row["values"].items()]
        config = cfg.override(made.config, flags)
        program = runner.Program(made.experiment.build(config), config.run, made.devices)
        alone = runner.fit(program, 0)
        assert row["seeds"]["0"]["params_sha256"] == alone.params_sha256
        assert row["objective"] == alone.metrics["dev/accuracy"]


@pytest.mark.parametrize("form", ["sequential", "map", "vmap", "devices"])
def test_every_form_and_strategy_finds_the_same_trials(form, tmp_path):
    asked = {
        "strategy": "coarse_to_fine",
        "trials": 5,
        "seeds": 2,
        "overrides": (*QUICK, "run.dtype=float64"),
    }
    searched(tmp_path / "a", **asked)
    searched(tmp_path / "b", **asked, population=form, devices=2)
    one, other = lines(tmp_path / "a"), lines(tmp_path / "b")
    for trial in range(5):
        assert one[trial]["values"] == other[trial]["values"]
        assert one[trial]["objective"] == pytest.approx(other[trial]["objective"], rel=1e-6)
        assert len(one[trial]["seeds"]) == len(other[trial]["seeds"]) == 2


def test_trials_share_a_compilation_where_only_traced_knobs_differ(tmp_path):
    tree = searched(
        tmp_path,
        f"{RATE} hidden=choice(4|6)",
        overrides=QUICK[:2],
        strategy="grid",
        trials=6,
    )
    assert tree["finished"] == 6 and tree["compilations"] == 2
    by_width = {}
    for row in lines(tmp_path).values():
        by_width.setdefault(row["values"]["hidden"], set()).add(row["compilation"])
    assert all(len(shared) == 1 for shared in by_width.values())


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("optimizers", "optimizer.learning_rate=0.1", "optimizer.learning_rate=0.2", True),
        ("optimizers", "optimizer.l2=0.1", "optimizer.l2=0.2", True),
        ("optimizers", "optimizer.l2=0.1", "optimizer.l2=0", False),
        ("optimizers", "optimizer.clip_norm=1", "optimizer.clip_norm=2", True),
        ("optimizers", "optimizer.clip_norm=1", "optimizer.clip_norm=0", False),
        ("optimizers", "optimizer.rule=adam", "optimizer.rule=momentum", False),
        ("optimizers", "run.batch_size=32", "run.batch_size=64", False),
        ("optimizers", "optimizer.warmup_steps=3", "optimizer.warmup_steps=4", False),
        ("language_model", "dropout=0.1", "dropout=0.2", True),
        ("language_model", "dropout=0", "dropout=0.2", False),  # the topic leaves it out at 0
        ("language_model", "width=8", "width=9", False),
        ("logistic_regression", "critical=0.5", "critical=0.6", False),  # a rate that is reckoned
    ],
)
def test_what_shares_a_compilation(name, one, other, same):
    experiment = load(name)
    keys = []
    for override in (one, other):
        config = cfg.override(experiment.config, (*experiment.smoke, override))
        keys.append(searching.compilation(config, experiment.build(config)))
    assert (keys[0] == keys[1]) is same


FAMILIES = ("optimizers", "language_model")
TRAINED = [
    pytest.param(name, marks=() if name in FAMILIES else pytest.mark.long)
    for name in discover()
    if load(name).build
]


@pytest.mark.parametrize("name", TRAINED)
def test_a_topic_reads_its_traced_knobs_as_traced_alone(name):
    """A member of a shared program is the run of a program of its own, whatever scalars change."""
    experiment = load(name)
    smoke = (*experiment.smoke, "run.steps=3", "run.batch_size=16", "run.dtype=float64")
    one = cfg.override(experiment.config, smoke)
    task, changed = experiment.build(one), one
    for path in searching.traced(one, task):
        value = cfg.flatten(one)[path]
        changed = cfg.override(changed, {path: value * 0.9 if value else value})
    other = experiment.build(changed)
    assert searching.compilation(one, task) == searching.compilation(changed, other)
    shared = runner.Program(task, one.run, dev.select(1)).varied(other.hyper)
    alone = runner.Program(other, changed.run, dev.select(1))
    for a, b in zip(
        *(jax.tree.leaves(runner.fit(p, 0).state) for p in (shared, alone)), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", discover())
def test_no_knob_has_the_name_of_a_flag_of_the_launcher(name):
    own = set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', (ROOT / "launch.py").read_text()))
    assert {"search", "trials", "strategy", "population", "seed"} <= own
    assert not own & {knob.path for knob in cfg.knobs(load(name).config)}


def test_a_trial_that_diverges_is_recorded_and_loses(tmp_path):
    tree = searched(
        tmp_path,
        "optimizer.learning_rate=choice(0.1,1e30)",
        strategy="grid",
        trials=2,
        overrides=("run.steps=30", *QUICK[1:]),
    )
    row = lines(tmp_path)[1]
    assert tree["diverged"] == 1 and tree["best"][0]["trial"] == 0
    assert row["objective"] is None and "at step" in row["detail"]


def test_a_folder_of_a_run_is_refused_and_so_is_a_second_searcher(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UserError, match="holds a run, no search"):
        planned(tmp_path)
    made = planned(tmp_path / "s")
    made.folder.mkdir()
    with runner.locked(made.folder), pytest.raises(UserError, match="is running there"):
        searching.run(made)


def test_a_signal_keeps_finished_trials_and_the_same_command_goes_on(tmp_path):
    asked = words(
        tmp_path, knobs=("run.epochs=30", *QUICK[1:]), trials=200, population="sequential"
    )
    running = subprocess.Popen(typed(asked), stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
    book = tmp_path / "trials.jsonl"
    while running.poll() is None and not (book.exists() and book.read_text().count("\n") > 2):
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    _, told = running.communicate(timeout=60)
    assert running.returncode == 143, told
    last = told.strip().splitlines()[-1]
    finished = len(lines(tmp_path))
    assert f"{finished} of 200 trials are finished and kept; the same command goes on" in last
    assert json.loads((tmp_path / "search.json").read_text())["status"].startswith("stopped")


def test_two_processes_share_one_search_by_optuna(tmp_path):
    asked = words(tmp_path, f"{RATE} optimizer.beta1=uniform(0,0.9)", strategy="optuna", trials=8)
    both = [
        subprocess.Popen(
            typed(asked),
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**ENVIRONMENT, **HASTE},
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=240)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    assert sum(each.count("trial ") for each in told) == len(lines(tmp_path)) in (8, 9)
    assert len({row["values"]["optimizer.beta1"] for row in lines(tmp_path).values()}) >= 8


def test_optuna_goes_on_as_it_would_have_and_learns(tmp_path):
    space = (search.Axis("x", "uniform", 0.0, 1.0),)
    found = []
    for stops in ((30,), (11, 30)):
        folder = tmp_path / str(len(stops))
        folder.mkdir()
        values, done = [], 0
        for stop in stops:
            study = suggest.Study(folder, space, "min", seed=3)
            for _ in range(stop - done):
                number, drawn = study.ask()
                study.tell(number, None if drawn["x"] > 0.9 else (drawn["x"] - 0.3) ** 2)
                values.append(drawn["x"])
            done = stop
        found.append(values)
    assert found[0] == found[1]
    assert sum(abs(x - 0.3) < 0.15 for x in found[0][10:]) >= 10  # blind draws: 6 of 20
