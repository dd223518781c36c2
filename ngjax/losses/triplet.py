r"""The triplet loss (notes 4.14.1; Schroff, Kalenichenko & Philbin 2015).

    L = max(||f(A) - f(P)||^2 - ||f(A) - f(N)||^2 + alpha, 0)

A is an anchor, P another photograph of the same person, N one of another person. The notes' steps:

    1.  d_ap = ||f(A) - f(P)||^2
    2.  d_an = ||f(A) - f(N)||^2
    3.  d_ap - d_an + alpha         (the print has a product of two ||f(A) - f(P)|| and no N)
    4.  J = sum max(step 3, 0)      (the print leaves the maximum with zero out)

alpha > 0 is needed: at alpha = 0 the encoding f = 0 costs nothing, at alpha it costs m alpha.

Most triplets of a batch are easy and teach nothing, so they are chosen ("mined") from its
distances. Every function here takes d [B, M], the distances of the B anchors of this device to all
M photographs of the batch (`gathered` over devices: any number of devices mines the same triplets),
and who is who, and returns (d_ap, d_an, valid), each [B] or [B, M]. Shapes are static; what is not
valid has no triplet and is not to be counted.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from ngjax.types import AXIS, Array


class Crowd(NamedTuple):
    """Everybody in the batch, over all devices, in the order of the slots."""

    f: Array  # [M, D]
    person: Array  # int [M]
    slot: Array  # int [M], the place in the global batch
    mask: Array  # [M]; 0: does not count


class Triplets(NamedTuple):
    """Distances of anchors to the photographs that were chosen for them."""

    d_ap: Array  # [B] or [B, M]
    d_an: Array
    valid: Array  # bool; false: no such triplet


def hinge(d_ap: Array, d_an: Array, margin: float | Array) -> Array:
    """max(d_ap - d_an + alpha, 0) from squared distances, of any one shape (steps 3 and 4)."""
    return jnp.maximum(d_ap - d_an + margin, 0)


def triplet_loss(anchor: Array, positive: Array, negative: Array, margin: float | Array) -> Array:
    """The notes' four steps for given triplets of encodings, each [B, D].

    Returns:
        One value a triplet, [B].
    """
    d_ap = jnp.sum(jnp.square(jnp.subtract(anchor, positive)), axis=-1)  # [B]
    d_an = jnp.sum(jnp.square(jnp.subtract(anchor, negative)), axis=-1)  # [B]
    return hinge(d_ap, d_an, margin)


def gathered(f: Array, person: Array, slot: Array, mask: Array) -> Crowd:
    """What every device holds, on each of them; inside the axis `AXIS`."""
    everyone = [lax.all_gather(values, AXIS, tiled=True) for values in (f, person, slot, mask)]
    order = jnp.argsort(everyone[2])
    return Crowd(*(values[order] for values in everyone))


def relations(person: Array, slot: Array, mask: Array, crowd: Crowd) -> tuple[Array, Array]:
    """(same, other) [B, M]: another photograph of the anchor's person, one of somebody else.

    Args:
        person: of the anchors, int [B].
        slot: their places in the batch, int [B]: nobody is compared with the photograph itself.
        mask: [B]; 0: no anchor.
        crowd: all M.
    """
    counts = (mask > 0)[:, None] & (crowd.mask > 0)[None, :]  # [B, M]
    alike = person[:, None] == crowd.person[None, :]
    itself = slot[:, None] == crowd.slot[None, :]
    return counts & alike & ~itself, counts & ~alike


def batch_hard(d: Array, same: Array, other: Array) -> Triplets:
    """Each anchor's farthest positive and nearest negative (Hermans, Beyer & Leibe 2017), [B]."""
    valid = same.any(1) & other.any(1)
    d_ap = jnp.where(same, d, -jnp.inf).max(1)
    d_an = jnp.where(other, d, jnp.inf).min(1)
    return Triplets(jnp.where(valid, d_ap, 0), jnp.where(valid, d_an, 0), valid)


def semi_hard(d: Array, same: Array, other: Array) -> Triplets:
    """For each anchor and positive the nearest negative that is farther than the positive, [B, M].

    Schroff et al. 2015, to keep off the hardest, from which training can collapse. Where no
    negative is farther, the farthest. Works on a volume [B, M, M].
    """
    farther = other[:, None, :] & (d[:, None, :] > d[:, :, None])  # [B, M, M]
    nearest = jnp.where(farther, d[:, None, :], jnp.inf).min(2)  # [B, M]
    farthest = jnp.where(other, d, -jnp.inf).max(1)[:, None]  # [B, 1]
    valid = same & other.any(1)[:, None]
    d_an = jnp.where(farther.any(2), nearest, jnp.broadcast_to(farthest, d.shape))
    return Triplets(jnp.where(valid, d, 0), jnp.where(valid, d_an, 0), valid)


def at_random(d: Array, same: Array, other: Array, key: Array, slot: Array) -> Triplets:
    """For each anchor any positive and any negative, [B]; drawn by (key, slot), on any device."""
    keys = jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, slot)
    luck = jax.vmap(lambda own: jax.random.uniform(own, (2, d.shape[1])))(keys)  # [B, 2, M]

    def drawn(among: Array, luck: Array) -> Array:
        which = jnp.where(among, luck, -1.0).argmax(1)
        return jnp.take_along_axis(d, which[:, None], 1)[:, 0]  # [B]

    valid = same.any(1) & other.any(1)
    d_ap, d_an = drawn(same, luck[:, 0]), drawn(other, luck[:, 1])
    return Triplets(jnp.where(valid, d_ap, 0), jnp.where(valid, d_an, 0), valid)
