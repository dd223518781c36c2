r"""Learning rates by part: fine-tuning with a frozen trunk and a slow head (notes 4.12).

A rule "pattern=factor" multiplies the learning rate of the parameters it matches; 0 freezes them:
no state is kept and no decay acts. The pattern is a run of whole path segments, * and ? as in file
names: "conv1" matches conv1/kernel and conv1/bias and not conv10/kernel; "conv*/bias" the biases of
all convolutions. The last rule that matches wins, so ("*=0", "head=1") trains the head alone.
"""

from __future__ import annotations

import fnmatch
import math
from typing import Any

import jax
import optax

from ngjax.config import nearest
from ngjax.types import UserError


def parse(rule: str) -> tuple[str, float]:
    """Reads "conv1=0.1" as ("conv1", 0.1).

    Raises:
        ValueError: it is not written pattern=factor, or the factor is negative or not finite.
    """
    pattern, _, text = rule.rpartition("=")
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not pattern or not 0 <= factor < math.inf:
        raise ValueError(f"{rule} is not pattern=factor with a factor >= 0, such as conv1=0")
    return pattern.strip(), factor


def factors(params: optax.Params, parts: tuple[str, ...]) -> Any:
    """The factor of each parameter, one where no rule matches.

    Raises:
        UserError: a pattern that matches no parameter.
    """
    paths = [_name(path) for path, _ in jax.tree_util.tree_leaves_with_path(params)]
    for pattern, _ in map(parse, parts):
        if not any(_matches(pattern, path) for path in paths):
            names = dict.fromkeys(segment for path in paths for segment in path.split("/"))
            hint = nearest(pattern, [*names, *paths])
            there = ", ".join(dict.fromkeys(path.partition("/")[0] for path in paths))
            raise UserError(f"--optimizer.parts: {pattern} matches no part of {there}{hint}")
    return _factors(params, parts)


def by_part(
    tx: optax.GradientTransformation, parts: tuple[str, ...]
) -> optax.GradientTransformationExtraArgs:
    """The transformation with its updates multiplied part by part, frozen parts left out of it."""

    def freeze(params: optax.Params) -> Any:
        chosen = factors(params, parts)
        return jax.tree.map(lambda factor: "trained" if factor else "frozen", chosen)

    def scale(params: optax.Params) -> Any:  # sees the trained parts only
        return jax.tree.map(str, _factors(params, parts))

    chosen = {1.0, *(factor for _, factor in map(parse, parts))} - {0.0}
    scales = {str(factor): optax.scale(factor) for factor in sorted(chosen)}
    trained = optax.chain(tx, optax.partition(scales, scale))
    return optax.partition({"trained": trained, "frozen": optax.set_to_zero()}, freeze)


def _factors(params: optax.Params, parts: tuple[str, ...]) -> Any:
    rules = [parse(rule) for rule in parts]

    def leaf(path: tuple[Any, ...], _: Any) -> float:
        found = [factor for pattern, factor in rules if _matches(pattern, _name(path))]
        return found[-1] if found else 1.0

    return jax.tree_util.tree_map_with_path(leaf, params)


def _name(path: tuple[Any, ...]) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _matches(pattern: str, path: str) -> bool:
    want, have = pattern.split("/"), path.split("/")
    runs = (have[i : i + len(want)] for i in range(len(have) - len(want) + 1))
    return any(all(map(fnmatch.fnmatchcase, run, want)) for run in runs)
