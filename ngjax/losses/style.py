r"""The costs of style transfer (notes 4.15.1 and 4.16; Gatys, Ecker & Bethge 2015).

    J_content(C, G)  = 1 / (4 n_H n_W n_C)  sum (a_C - a_G)^2
    G_ij             = v_i^T v_j = (A A^T)_ij,           A [n_C, n_H n_W] the activations unrolled
    J_style[l](S, G) = 1 / (4 n_C^2 (n_H n_W)^2)  sum_ij (G_S - G_G)^2_ij
    J_style          = sum_l lambda[l] J_style[l]
    J                = alpha J_content + beta J_style

The notes print J_content alone and lose the equals sign of G_ij. A picture S of another size than G
has another n_H n_W; the style matrix, G over it, makes the two comparable, and gives the formula
above where the sizes are equal. Everything here is a polynomial: no slope is infinite or NaN.

Shapes: activations [B, H, W, C] of one layer, costs [B].
"""

from __future__ import annotations

import jax.numpy as jnp

from ngjax.losses.shapes import check_same, wide
from ngjax.types import Array


def content_cost(a_C: Array, a_G: Array) -> Array:
    """J_content: how far the activations of G are from those of C, float32 [B].

    Raises:
        ValueError: the shapes differ.
    """
    check_same(a_G.shape, a_C.shape)
    n_H, n_W, n_C = a_G.shape[1:]
    squared = (wide(a_C) - wide(a_G)) ** 2  # [B, H, W, C]
    return squared.sum((1, 2, 3)) / (4 * n_H * n_W * n_C)


def gram_matrix(a: Array) -> Array:
    """G = A A^T: how alike every two filters act, and how active each one is, [B, C, C].

    It is symmetric, has no negative eigenvalue, and does not know where anything is.
    """
    A = wide(a).reshape(a.shape[0], -1, a.shape[3])  # [B, H W, C]: A transposed
    return jnp.einsum("bpi,bpj->bij", A, A)


def style_matrix(a: Array) -> Array:
    """G / (n_H n_W): the same for pictures of every size, [B, C, C]."""
    return gram_matrix(a) / (a.shape[1] * a.shape[2])


def style_distance(of_S: Array, of_G: Array) -> Array:
    """J_style[l] of two style matrices [B, C, C]: 1 / (4 n_C^2) sum (S - G)^2, [B].

    Raises:
        ValueError: the shapes differ.
    """
    check_same(of_G.shape, of_S.shape)
    return ((of_S - of_G) ** 2).sum((1, 2)) / (4 * of_G.shape[1] ** 2)


def style_cost(a_S: Array, a_G: Array) -> Array:
    """J_style[l]: how far the correlations of filters in G are from those in S, [B].

    Raises:
        ValueError: the numbers of filters differ.
    """
    return style_distance(style_matrix(a_S), style_matrix(a_G))


def total_variation(x: Array) -> Array:
    """The mean squared step from a pixel to the next, down and to the right, [B].

        1 / (n_H n_W n_C)  sum (x[i+1, j] - x[i, j])^2 + (x[i, j+1] - x[i, j])^2

    Not in the notes (Mahendran & Vedaldi 2015): it takes the grain out of a picture.

    Args:
        x: images [B, H, W, C].
    """
    x = wide(x)
    down, right = x[:, 1:] - x[:, :-1], x[:, :, 1:] - x[:, :, :-1]
    steps = (down**2).sum((1, 2, 3)) + (right**2).sum((1, 2, 3))
    return steps / (x.shape[1] * x.shape[2] * x.shape[3])
