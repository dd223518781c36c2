"""The table of a network against the notes' own, corrected (notes 4.4)."""

import flax.linen as nn
import jax.numpy as jnp

from ngjax.models.layers import BatchNorm, Conv, Dense
from ngjax.models.lenet import LeNet5
from ngjax.models.table import Row, format_table, layer_table


def test_notes_table():
    rows = layer_table(LeNet5("notes"), (32, 32, 3))
    assert [row.size for row in rows] == [3072, 6272, 1568, 1600, 400, 120, 84, 10]
    assert [row.parameters for row in rows] == [0, 608, 0, 3216, 0, 48120, 10164, 850]
    assert [row.name for row in rows[:3]] == ["input", "conv1", "pool1"]
    assert rows[1].shape == (28, 28, 8)
    assert rows[1].multiplications == 28 * 28 * 8 * 5 * 5 * 3
    assert rows[5].multiplications == 400 * 120


class Block(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        x = Conv(4, 1, name="reduce")(x)
        return BatchNorm(name="bn")(Conv(6, 3, stride=2, name="expand")(x), train=train)


class Network(nn.Module):
    """Parts that nest, a part that hands out no activation, names out of alphabetical order."""

    @nn.compact
    def __call__(self, x, *, train):
        z = Block(name="stage")(x, train=train)  # [B, 4, 4, 6]
        a = BatchNorm(name="bn")(z, train=train).mean((1, 2))
        logits = Dense(3, name="head")(a)
        return logits, {"stage": z, "head": logits}


def test_nested_parts():
    rows = layer_table(Network(), (8, 8, 2), train=False)
    reduce, expand = 2 * 4, 3 * 3 * 4 * 6
    assert rows == [
        Row("input", (8, 8, 2), 0),
        Row(
            "stage",
            (4, 4, 6),
            (reduce + 4) + (expand + 6) + 2 * 6,
            8 * 8 * reduce + 4 * 4 * expand,
        ),
        Row("head", (3,), 6 * 3 + 3, 6 * 3),
        Row("bn", None, 2 * 6),
    ]


def test_input_type():
    class Words(nn.Module):
        @nn.compact
        def __call__(self, ids):
            vectors = nn.Embed(50, 4, name="embedding")(ids)  # [B, T, 4]
            logits = Dense(2, name="output")(vectors)
            return logits, {"embedding": vectors, "output": logits}

    rows = layer_table(Words(), (7,), dtype=jnp.int32)
    assert [(row.shape, row.parameters, row.multiplications) for row in rows[1:]] == [
        ((7, 4), 200, 0),
        ((7, 2), 10, 7 * 4 * 2),
    ]


def test_format():
    text = format_table([Row("input", (4,), 0), Row("fc", (1000,), 5000, 4000), Row("bn", None, 2)])
    assert text.splitlines() == [
        "       activation shape   size  parameters  multiplications   bytes",
        "input              (4,)      4           0                0      16",
        "fc              (1000,)  1,000       5,000            4,000  24,000",
        "bn                                       2                0       8",
        "total                                5,002            4,000  24,024",
    ]
