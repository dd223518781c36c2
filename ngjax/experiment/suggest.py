"""Optuna as a strategy: what to try next by what all trials so far came to.

Its journal lies in the search's folder, so that several machines that see the folder, each given
the same command, make one search.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ngjax.search import Axis, Space
from ngjax.types import UserError


def check() -> Any:
    """The package.

    Raises:
        UserError: it is not installed.
    """
    try:
        import optuna
    except ImportError:
        raise UserError(
            "--strategy=optuna: it is not installed; pip install optuna, or take another strategy"
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


class Study:
    """One search, shared by all who open the same folder."""

    def __init__(self, folder: Path, space: Space, mode: str, seed: int) -> None:
        self._optuna = check()
        journal = self._optuna.storages.journal.JournalFileBackend(str(folder / "optuna.journal"))
        self._study = self._optuna.create_study(
            storage=self._optuna.storages.JournalStorage(journal),
            study_name="search",
            direction="maximize" if mode == "max" else "minimize",
            load_if_exists=True,
        )
        self._space, self._seed = space, seed
        self._asked: dict[int, Any] = {}

    def ask(self) -> tuple[int, dict[str, Any]]:
        """(number of the trial, its values): a function of the seed, the number and what is told.

        The sampler is seeded by the number, which no two machines share: they try different values.
        """
        trial = self._study.ask()
        mixed = np.random.SeedSequence([self._seed, trial.number]).generate_state(1)[0]
        self._study.sampler = self._optuna.samplers.TPESampler(seed=int(mixed), multivariate=False)
        self._asked[trial.number] = trial
        return trial.number, {axis.path: _suggested(trial, axis) for axis in self._space}

    def tell(self, number: int, value: float | None) -> None:
        """What a trial came to; None: it diverged, which is worse than any value."""
        trial, states = self._asked.pop(number), self._optuna.trial.TrialState
        if value is None:
            self._study.tell(trial, state=states.PRUNED)
        else:
            self._study.tell(trial, value)

    def give_up(self) -> None:
        """Whoever asked is stopped: what was not told will not be."""
        for number in list(self._asked):
            state = self._optuna.trial.TrialState.FAIL
            self._study.tell(self._asked.pop(number), state=state)


def _suggested(trial: Any, axis: Axis) -> Any:
    if axis.kind == "choice":
        return trial.suggest_categorical(axis.path, axis.choices)
    log = axis.kind == "log"
    if axis.kind == "int" or axis.whole:
        return trial.suggest_int(axis.path, int(axis.low), int(axis.high), log=log)
    return float(f"{trial.suggest_float(axis.path, axis.low, axis.high, log=log):.6g}")
