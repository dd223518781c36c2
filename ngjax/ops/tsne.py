r"""t-distributed stochastic neighbour embedding (notes 5.8; van der Maaten & Hinton 2008).

    p_{j|i} = exp(-d_ij^2 / 2 sigma_i^2) / sum_{k != i} exp(-d_ik^2 / 2 sigma_i^2)
    p_ij = (p_{j|i} + p_{i|j}) / 2n
    q_ij = (1 + ||y_i - y_j||^2)^-1 / Z,    Z = sum_{k != l} (1 + ||y_k - y_l||^2)^-1
    C = KL(P || Q) = sum p_ij log(p_ij / q_ij)
    dC/dy_i = 4 sum_j (p_ij - q_ij) (y_i - y_j) (1 + ||y_i - y_j||^2)^-1

sigma_i is found by bisection: 2^(entropy of p_{.|i}) is the perplexity, about how many neighbours
a point has. The notes name the method alone, and their reference 11 gives its title wrong
("Visualizing High-Dimensional Data Using t-SNE" for "Visualizing Data using t-SNE").
"""

from __future__ import annotations

from typing import Literal

import jax.numpy as jnp
from jax import lax
from jax.scipy.special import xlogy
from jax.typing import ArrayLike

from ngjax.types import Array

Metric = Literal["euclidean", "cosine", "manhattan"]
LEAST = 1e-12  # of a length that is divided by
HALVINGS = 50  # of an interval of precisions, at most: float32 is exhausted after about 30


def squared_distances(x: Array, metric: Metric = "euclidean") -> Array:
    """d_ij^2 between the rows of x, [n, D] to [n, n], never below 0.

    Args:
        x: [n, D].
        metric: cosine is the Euclidean distance of rows brought to length one, 2 (1 - cos).
    """
    if metric == "manhattan":
        return lax.map(lambda row: jnp.abs(x - row[None]).sum(-1), x) ** 2  # [n, n]
    if metric == "cosine":
        x = x / jnp.maximum(jnp.linalg.norm(x, axis=1, keepdims=True), LEAST)
    length = (x * x).sum(1)
    return jnp.maximum(length[:, None] + length[None] - 2 * x @ x.T, 0)  # [n, n]


def conditional(d2: Array, perplexity: ArrayLike) -> Array:
    """p_{j|i}, row i with the sigma_i that gives it the perplexity.

    Args:
        d2: squared distances [n, n]; the diagonal is not read.
        perplexity: above 1, below n - 1.

    Returns:
        [n, n], rows that add up to 1, zeros on the diagonal.
    """
    n = len(d2)
    self = jnp.eye(n, dtype=bool)
    d2 = jnp.where(self, jnp.inf, d2)
    d2 = d2 - d2.min(1, keepdims=True)  # the nearest at 0: exp cannot underflow for all
    finite = jnp.where(self, 0, d2)
    scale = finite.sum(1) / (n - 1)

    def at(beta: Array) -> tuple[Array, Array]:
        """Entropy [n] in nats and probabilities [n, n] at precisions beta = 1 / 2 sigma^2 [n]."""
        weight = jnp.exp(-d2 * beta[:, None])
        total = weight.sum(1)
        entropy = jnp.log(total) + beta * (finite * weight).sum(1) / total
        return entropy, weight / total[:, None]

    def halve(held: tuple[Array, ...]) -> tuple[Array, ...]:
        done, _, low, high, beta = held
        wide = at(beta)[0] > jnp.log(perplexity)
        low, high = jnp.where(wide, beta, low), jnp.where(wide, high, beta)
        middle = jnp.where(jnp.isinf(high), 2 * beta, (low + high) / 2)
        return done + 1, jnp.any(middle != beta), low, high, middle

    def go_on(held: tuple[Array, ...]) -> Array:
        return held[1] & (held[0] < HALVINGS)

    start = (jnp.zeros(n), jnp.full(n, jnp.inf), 1 / jnp.maximum(scale, LEAST))
    beta = lax.while_loop(go_on, halve, (0, True, *start))[-1]
    return at(beta)[1]


def affinities(d2: Array, perplexity: ArrayLike) -> Array:
    """p_ij = (p_{j|i} + p_{i|j}) / 2n: symmetric [n, n], one in all."""
    p = conditional(d2, perplexity)
    return (p + p.T) / (2 * len(p))


def negative_entropy(P: Array) -> Array:
    """sum p_ij log p_ij: what `cross_entropy` lacks to be KL(P || Q)."""
    return xlogy(P, P).sum()


def cross_entropy(y: Array, P: Array, exaggeration: ArrayLike = 1.0) -> Array:
    r"""What the map y goes down: the cross-entropy of P and Q, with early exaggeration e in it.

        J_e = e sum p_ij log(1 + ||y_i - y_j||^2) + log Z

    draws neighbours together at first; J_1 = -sum p_ij log q_ij = KL(P || Q) - sum p_ij log p_ij.

    Args:
        y: the map, [n, d].
        P: affinities, [n, n].
        exaggeration: e.
    """
    d2 = _apart(y)  # [n, n]
    Z = _kernel(d2).sum()
    return exaggeration * (P * jnp.log(1 + d2)).sum() + jnp.log(Z)


def cross_entropy_gradient(y: Array, P: Array, exaggeration: ArrayLike = 1.0) -> Array:
    """dJ_e/dy [n, d], by hand: with W_ij = (e p_ij - q_ij) / (1 + d_ij^2), 4 (diag(W 1) - W) y.

    Two products of matrices in place of passes over [n, n, d]; and no logarithm, which would
    cost more than all the rest.
    """
    kernel = _kernel(_apart(y))  # [n, n]
    W = (exaggeration * P - kernel / kernel.sum()) * kernel  # [n, n]
    both = W @ jnp.pad(y, ((0, 0), (0, 1)), constant_values=1)  # W y and W 1 in one pass
    return 4 * (both[:, -1:] * y - both[:, :-1])  # [n, d]


def _apart(y: Array) -> Array:
    """`squared_distances` of a map, axis by axis: with so few there is no use for a product."""
    return sum((a[:, None] - a[None]) ** 2 for a in y.T)  # [n, n]


def _kernel(d2: Array) -> Array:
    """(1 + ||y_i - y_j||^2)^-1 [n, n], zeros on the diagonal."""
    return jnp.where(jnp.eye(len(d2), dtype=bool), 0, 1 / (1 + d2))
