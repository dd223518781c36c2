"""Films of a wandering image: every frame is the image, moved as the drawn way says."""

from __future__ import annotations

import jax
import numpy as np

from ngjax.data.series.moving import WAYS, moving

SIDE, T = 12, 4
IMAGE = np.arange(1.0, 13.0).reshape(3, 4, 1)


def films(count=600):
    keys = jax.random.split(jax.random.key(0), count)
    drawn = jax.jit(jax.vmap(lambda key: moving(key, IMAGE, T, SIDE, 2)))(keys)
    return jax.tree.map(np.asarray, drawn)


def test_each_step_goes_where_the_way_says():
    drawn, ways = films()
    assert drawn.shape == (600, T, SIDE, SIDE, 1)
    speeds, starts = set(), set()
    for film, way in zip(drawn, ways, strict=True):
        row, column = np.argwhere(film[0, ..., 0] == 1)[0]  # the image's corner
        field = np.zeros((SIDE, SIDE))
        for r in range(3):
            for c in range(4):
                field[(row + r) % SIDE, (column + c) % SIDE] = IMAGE[r, c, 0]
        step = WAYS[way][1]
        fits = [
            speed
            for speed in (1, 2)
            if all(
                (np.roll(field, (t * speed * step[0], t * speed * step[1]), (0, 1)) == f).all()
                for t, f in enumerate(film[..., 0])
            )
        ]
        assert len(fits) == 1
        speeds.add(fits[0])
        starts.add((int(row), int(column)))
    assert speeds == {1, 2} and len(starts) > 130  # of 144
    assert np.bincount(ways, minlength=8).min() > 40


def test_rows_grow_downwards():
    ways = dict(WAYS)
    assert ways["down"] == (1, 0) and ways["left"] == (0, -1) and ways["right and up"] == (-1, 1)
    assert len(set(ways.values())) == 8
