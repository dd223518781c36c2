r"""Gradient checking (notes 2.3): a written gradient against central differences.

    dtheta_approx[i] = (J(.., theta_i + epsilon, ..) - J(.., theta_i - epsilon, ..)) / (2 epsilon)
    ratio = ||dtheta_approx - dtheta|| / (||dtheta_approx|| + ||dtheta||)

theta is all W and b as one vector. The central difference is off by epsilon^2 (theta^3 at 1 with
0.01: 3.0001), the one-sided by epsilon (3.0301). With epsilon = 1e-7 a ratio near 1e-7 is fine and
above 1e-5 suspicious. To debug with, not to train: include the penalty in J, switch dropout off,
and check again after some training. (The notes print the quotient without epsilon, and the same
name for both sides.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree

from ngjax.types import UserError


class Component(NamedTuple):
    """One parameter of the check."""

    name: str  # its path and place: "conv1/kernel[0, 2]"
    approximation: float  # the central difference
    gradient: float  # what was to be checked


class GradientCheck(NamedTuple):
    """The verdict."""

    ratio: float  # 0 equal, 1 unrelated; 0 where both are zero
    worst: tuple[Component, ...]  # farthest apart first
    checked: int  # parameters compared


def two_sided(f: Callable[[Any], Any], theta: Any, epsilon: Any) -> Any:
    """(f(theta + epsilon) - f(theta - epsilon)) / (2 epsilon), off by epsilon^2 f'''(theta) / 6.

    Args:
        f: elementwise.
        theta: where, of any shape and precision, NumPy or JAX: the computation keeps both.
        epsilon: half the width, of the same precision.
    """
    return (f(theta + epsilon) - f(theta - epsilon)) / (2 * epsilon)


def one_sided(f: Callable[[Any], Any], theta: Any, epsilon: Any) -> Any:
    """(f(theta + epsilon) - f(theta)) / epsilon, off by epsilon f''(theta) / 2: see `two_sided`."""
    return (f(theta + epsilon) - f(theta)) / epsilon


def gradient_check(
    f: Callable[[Any], jax.Array],
    params: Any,
    gradient: Any = None,
    *,
    epsilon: float = 1e-7,
    sample: int | None = None,
    seed: int = 0,
    chunk: int = 256,
    worst: int = 5,
) -> GradientCheck:
    """Compares a gradient with central differences of f.

    Args:
        f: the whole cost, params -> a number; traceable.
        params: pytree of float64 arrays.
        gradient: pytree like params; None checks `jax.grad(f)`.
        epsilon: half the width of the difference.
        sample: how many parameters to draw and check; None: all.
        seed: of the drawing.
        chunk: differences in one vectorised evaluation.
        worst: components to name.

    Raises:
        UserError: params are not float64, where a difference of 1e-7 drowns in rounding.
    """
    narrow = {str(jnp.result_type(leaf)) for leaf in jax.tree.leaves(params)} - {"float64"}
    if narrow:
        raise UserError(
            f"gradient check: parameters are {', '.join(sorted(narrow))} and a difference needs "
            "float64; check inside `with jax.enable_x64(True):` and make the parameters there"
        )
    theta, unravel = ravel_pytree(params)  # [P]
    written, _ = ravel_pytree(jax.grad(f)(params) if gradient is None else gradient)
    index = np.arange(theta.size)
    if sample is not None and sample < theta.size:
        index = np.sort(np.random.default_rng(seed).choice(theta.size, sample, replace=False))

    @jax.jit  # theta is an argument: a constant would be folded into f for seconds
    def differences(theta: jax.Array, index: jax.Array) -> jax.Array:
        def difference(i: jax.Array) -> jax.Array:
            up, down = theta.at[i].add(epsilon), theta.at[i].add(-epsilon)
            return (f(unravel(up)) - f(unravel(down))) / (2 * epsilon)

        return jax.lax.map(difference, index, batch_size=chunk)

    approximation = np.asarray(differences(theta, jnp.asarray(index)))
    written = np.asarray(written)[index]
    gap = approximation - written
    size = np.linalg.norm(approximation) + np.linalg.norm(written)
    order = np.argsort(-np.abs(gap))[:worst]
    named = tuple(
        Component(_name(params, index[k]), float(approximation[k]), float(written[k]))
        for k in order
    )
    return GradientCheck(float(np.linalg.norm(gap) / size) if size else 0.0, named, len(index))


def _name(params: Any, index: int) -> str:
    """Path and place of a component of theta."""
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        if index < leaf.size:
            place = ", ".join(str(int(i)) for i in np.unravel_index(index, leaf.shape))
            return f"{jax.tree_util.keystr(path, simple=True, separator='/')}[{place}]"
        index -= leaf.size
    raise IndexError(index)
