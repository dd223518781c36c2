r"""What depth buys, by construction: tents folded by ReLU layers, and parity (notes 1.6).

The tent map folds [0, 1] once, with two ReLU units:

    t(x) = 2 relu(x) - 4 relu(x - 1/2)       0 -> 0,  1/2 -> 1,  1 -> 0

Applied k times it has 2^k linear pieces, which k layers of two units compute exactly. With one
hidden layer every unit bends the line once, so 2^k pieces take 2^k - 1 units at least
(Telgarsky 2016, arXiv:1602.04485).

Parity, x_1 XOR ... XOR x_n, is a tree of n - 1 gates of two ReLU units, ceil(log2 n) gates deep:

    a XOR b = relu(a + b) - 2 relu(a + b - 1)

In two levels of AND and OR each AND holds one row of the truth table, as two rows that answer yes
differ in more than one bit: 2^(n - 1) of them (Hastad 1986). The notes say "exponentially more
hidden units" and give no example; these two are the course's kind.

Networks are lists of `backprop.Layer`, for `backprop.forward`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ngjax.ops import backprop
from ngjax.ops.activations import ACTIVATIONS


def tent(x: np.ndarray) -> np.ndarray:
    """The map itself: 2 min(x, 1 - x) on [0, 1]."""
    return 2 * np.minimum(x, 1 - x)


def deep_tent(k: int) -> list[backprop.Layer]:
    """The tent map applied k times: k hidden layers of two units, then one linear unit.

    A tent's output 2 a_1 - 4 a_2 is read by both units of the next tent: W^[l] (2, 2) has two equal
    rows, b^[l] = (0, -1/2).

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k: a tent map is applied once or more, got {k}")
    out, b = np.array([[2.0, -4.0]]), np.array([[0.0], [-0.5]])
    inner = [backprop.Layer(np.repeat(out, 2, axis=0), b)] * (k - 1)
    return [backprop.Layer(np.ones((2, 1)), b), *inner, backprop.Layer(out, np.zeros((1, 1)))]


def wide_tent(k: int) -> list[backprop.Layer]:
    """The same function with one hidden layer: 2^k units, one where each piece begins.

        y = 2^k relu(x) + sum_i (-1)^i 2^(k+1) relu(x - i / 2^k)        i = 1 ... 2^k - 1

    Raises:
        ValueError: k is not positive.
    """
    if k < 1:
        raise ValueError(f"k: a tent map is applied once or more, got {k}")
    pieces = 2**k
    bends = np.where(np.arange(pieces) % 2, -2.0, 2.0) * pieces  # by which the slope changes
    bends[0] = pieces
    first = backprop.Layer(np.ones((pieces, 1)), -np.arange(pieces)[:, None] / pieces)
    return [first, backprop.Layer(bends[None], np.zeros((1, 1)))]


def relu_network(parameters: Sequence[backprop.Layer], X: np.ndarray) -> np.ndarray:
    """The network's output for examples X (n_0, m): ReLU in hidden layers, a linear last one."""
    g = [ACTIVATIONS["relu"]] * (len(parameters) - 1) + [ACTIVATIONS["identity"]]
    return np.asarray(backprop.forward(parameters, X, g)[0])


def hidden_units(parameters: Sequence[backprop.Layer]) -> int:
    """n^[1] + ... + n^[L-1]."""
    return sum(len(layer.W) for layer in parameters[:-1])


def parameter_count(parameters: Sequence[backprop.Layer]) -> int:
    """Numbers in W and b of all layers."""
    return sum(layer.W.size + layer.b.size for layer in parameters)


def linear_pieces(parameters: Sequence[backprop.Layer], k: int) -> int:
    """Linear pieces on [0, 1] of a network of one input whose bends are multiples of 2^-k.

    Slopes between neighbouring points of that grid, halved once more: a run of equal ones is a
    piece. What a dyadic network computes of dyadic numbers is exact in float64, so is the count.
    """
    x = np.linspace(0.0, 1.0, 2 ** (k + 1) + 1)
    slopes = np.diff(relu_network(parameters, x[None])[0])
    return 1 + int((slopes[1:] != slopes[:-1]).sum())


def fewest_wide_units(pieces: int) -> int:
    """Units a network of one hidden layer needs for so many pieces: a bend each, at the best."""
    return pieces - 1


def xor_gate() -> list[backprop.Layer]:
    """The gate a XOR b of two bits: two ReLU units."""
    first = backprop.Layer(np.ones((2, 2)), np.array([[0.0], [-1.0]]))
    return [first, backprop.Layer(np.array([[1.0, -2.0]]), np.zeros((1, 1)))]


def xor_tree(bits: np.ndarray) -> tuple[np.ndarray, int, int]:
    """Parity of n bits by pairs, of pairs by pairs, and so on.

    Args:
        bits: 0 or 1, [n, m].

    Returns:
        (parity [m], gates used: n - 1, gates on the longest way: ceil(log2 n)).
    """
    rows, gates, depth = list(np.asarray(bits, float)), 0, 0
    while len(rows) > 1:
        pairs = [tuple(rows[i : i + 2]) for i in range(0, len(rows), 2)]  # an odd last one alone
        gates += sum(len(pair) == 2 for pair in pairs)
        depth += 1
        rows = [
            relu_network(xor_gate(), np.stack(pair))[0] if len(pair) == 2 else pair[0]
            for pair in pairs
        ]
    return rows[0], gates, depth


def truth_table(n: int) -> np.ndarray:
    """All 2^n settings of n bits, [n, 2^n]."""
    return (np.arange(2**n)[None] >> np.arange(n)[:, None]) & 1


def and_terms(n: int) -> np.ndarray:
    """The settings whose parity is odd, one AND of n literals each, [n, 2^(n - 1)]."""
    table = truth_table(n)
    return table[:, table.sum(axis=0) % 2 == 1]
