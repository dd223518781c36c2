"""Notes 5: one-hot words, language models, recurrent networks, GRU, LSTM."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data import EOS, Vocabulary
from ngjax.losses import cross_entropy
from ngjax.models.language_model import LanguageModel
from ngjax.models.recurrent import GRU, LSTM, RNN, Bidirectional, Layer, Stacked
from ngjax.ops.recurrence import scan_gru, scan_lstm, scan_rnn, scan_simplified_gru

PRINTED = "Harry Potter and Hermionie Granger invented a spell"
MEANT = "Harry Potter and Hermionie Granger invented a new spell"
NAMES = "110110000"  # the notes' Y
SENTENCE = "cats average 15 hours of sleep a day"
PLACES = (("a", 1), ("and", 367), ("harry", 4075), ("potter", 6830), ("zulu", 10_000))  # from one
SHUT, OPEN = -1e3, 1e3  # what a gate's z is where sigmoid is exactly 0 or 1


def _logit(gamma: float) -> float:
    return float(np.log(gamma / (1 - gamma)))


def _harry() -> Any:
    words = Vocabulary.of_words(MEANT.split())
    labels = Vocabulary.of_characters("01").encode(NAMES)
    return {
        "printed_words": len(words.encode(PRINTED)),
        "fixed_words": len(words.encode(MEANT)),
        "labels": len(labels),
        "names": labels.sum(),
    }


def _dictionary(places: tuple[tuple[str, int], ...]) -> Vocabulary:
    """10,000 words with these at these places, counted from one."""
    words = [f"word{i}" for i in range(1, 10_001)]
    for word, place in places:
        words[place - 1] = word
    return Vocabulary(tuple(words), joiner=" ")


def _one_hot(places: tuple[tuple[str, int], ...], word: str) -> np.ndarray:
    dictionary = _dictionary(places)
    return dictionary.one_hot(dictionary.encode(word)[0])


def _parameters(layer: Layer, D: int, T: int = 5) -> int:
    """Numbers a layer learns over sequences of T steps."""
    variables = jax.eval_shape(
        layer.init, jax.random.key(0), layer.initial_carry(1), jnp.zeros((1, T, D))
    )
    return sum(leaf.size for leaf in jax.tree.leaves(variables["params"]))


def _whatever_length(layer: Layer, D: int) -> int | None:
    counts = {_parameters(layer, D, T) for T in (3, 9)}
    return counts.pop() if len(counts) == 1 else None


def _run(layer: Layer, x: np.ndarray, params: Any = None) -> tuple[np.ndarray, Any]:
    """a [B, T, n] of a layer with drawn parameters in float64."""
    carry = layer.initial_carry(len(x), float)
    params = params or layer.init(jax.random.key(0), carry, x)
    _, a = jax.jit(layer.apply)(params, carry, x)
    return np.asarray(a), params["params"]


def _concatenated() -> bool:
    """The first two steps against W_a [a<t-1>, x<t>] + b_a."""
    x = np.random.default_rng(0).normal(size=(2, 2, 3))
    a, params = _run(RNN(4, parent=None), x)
    W_a = np.concatenate([params["W_aa"], params["W_ax"]])  # (n + D, n)
    state = np.zeros((2, 4))  # a<0> = 0
    for t in range(2):
        state = np.tanh(np.concatenate([state, x[:, t]], axis=1) @ W_a + params["b_a"][None])
        if not np.allclose(a[:, t], state, rtol=1e-10):
            return False
    return True


def _moved(layer: Layer, place: int, units: slice = slice(None)) -> np.ndarray:
    """Which of five outputs change with the input at `place`, bool [5]."""
    x = np.random.default_rng(0).normal(size=(1, 5, 3))
    other = x.copy()
    other[0, place] += 1
    a, _ = _run(layer, np.concatenate([x, other]))
    return (a[0] != a[1])[:, units].any(axis=-1)


def _uniform_model() -> Any:
    """Targets of the sentence, and its log P under a model that knows nothing."""
    words = SENTENCE.split()
    vocabulary = Vocabulary.of_words(words)  # ten words with EOS and UNK
    y = vocabulary.encode([*words, EOS])
    model = LanguageModel(len(vocabulary), cell="rnn", width=4, depth=1, embedding=3)
    x = np.concatenate([[vocabulary.number[EOS]], y[:-1]])[None]
    carry = model.initial_carry(1, float)
    drawn = jax.eval_shape(model.init, jax.random.key(0), carry, x)
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, float), drawn)
    _, (logits, _) = jax.jit(model.apply)(nothing, carry, x)
    return [len(y), -cross_entropy(logits[0], y).sum()]


def _units(*numbers: float) -> np.ndarray:
    return np.array(numbers, float)[None]  # [1, n]


def _simplified(z: tuple[float, float], c: float, W: tuple[float, float] = (0, 0)) -> jax.Array:
    """c<t> of one simplified GRU unit; z, W: input's share and recurrent weights of u and c."""
    return scan_simplified_gru(_units(*z)[None], _units(*W), _units(c))[0][0, 0]


def _candidate() -> jax.Array:
    """c_tilde where the update gate is open: W_c = [1, 1], c = 0.5, x = 0.2, b_c = 0.1."""
    return _simplified((OPEN, 1 * 0.2 + 0.1), 0.5, W=(0, 1))


def _emitted() -> Any:
    before = _units(0.3)
    c, a = scan_simplified_gru(_units(0.4, 0.9)[None], _units(0.5, -0.7), before)
    return {"new": bool(a[-1] == c), "old": bool(a[-1] == before)}


def _reset() -> bool:
    """Without the reset gate c_tilde forgets c<t-1>; with it, or with the update gate, not."""

    def candidate(z_r: float, c: float) -> jax.Array:
        z = _units(OPEN, z_r, 0.3)  # u, r, c
        return scan_gru(z[None], _units(0, 0, 0.8), _units(c))[0][0, 0]

    shut, open_ = ([candidate(z_r, c) for c in (-1.0, 2.0)] for z_r in (SHUT, OPEN))
    return bool(shut[0] == shut[1] and open_[0] != open_[1])


def _slope(after: Callable[[jax.Array], jax.Array]) -> jax.Array:
    """d after / d before of one unit's state, at 0.1."""
    return jax.grad(lambda before: after(before.reshape(1, 1)).sum())(jnp.array(0.1))


def _memories() -> Any:
    """The slope of the state after 100 steps in the state before them."""
    shut = np.tile(_units(_logit(1e-4), 0.0), (100, 1, 1))
    gru = _slope(lambda c: scan_simplified_gru(shut, np.zeros((1, 2)), c)[0])
    rnn = _slope(lambda a: scan_rnn(np.zeros((100, 1, 1)), np.full((1, 1), 0.5), a)[0])
    return {"gru": bool(gru > 0.98), "rnn": bool(abs(rnn) < 1e-20)}


def _lstm(z: tuple[float, ...], c: jax.Array, steps: int = 1) -> tuple[jax.Array, jax.Array]:
    """(c, a) of one LSTM unit; z: the input's share of u, f, o, c."""
    xW = np.tile(_units(*z), (steps, 1, 1))
    (c, a), _ = scan_lstm(xW, np.zeros((1, 4)), (c, np.zeros((1, 1))))
    return c, a


def _cell() -> Any:
    z = (_logit(0.3), _logit(0.9), 0.0, OPEN)
    return [_lstm(z, _units(0.5))[0][0, 0], _slope(lambda c: _lstm(z, c)[0])]


def _forgetting() -> jax.Array:
    z = (SHUT, _logit(0.99), 0.0, 0.0)
    return _slope(lambda c: _lstm(z, c, steps=100)[0])


def _future() -> Any:
    """Whether the output at the first word changes with the last; the way back sees no past."""
    both = Bidirectional(RNN(4, parent=None), RNN(4, parent=None), parent=None)
    back = slice(4, None)
    return {
        "brnn": bool(_moved(both, 4)[0] and not _moved(both, 0, back)[1:].any()),
        "rnn": bool(_moved(RNN(4, parent=None), 4)[0]),
    }


def _deep() -> int:
    layers: tuple[nn.Module, ...] = tuple(RNN(4, parent=None) for _ in range(3))
    return _parameters(Stacked(layers, parent=None), 3)


def _similarity() -> Any:
    """Inner product and distance of two one-hot words; how far E o is from looking e up."""
    words = Vocabulary.of_words(["orange", "juice", "apple", "pie"])
    ids = words.encode("orange apple")
    o = words.one_hot(ids).astype(float)
    model = LanguageModel(len(words), cell="rnn", width=4, depth=1, embedding=3)
    carry = model.initial_carry(1, float)
    (_, (_, out)), variables = model.init_with_output(jax.random.key(0), carry, ids[None])
    E = np.asarray(variables["params"]["E"])
    gap = np.abs(o @ E - out["embedding"][0]).max()
    return [o[0] @ o[1], np.linalg.norm(o[0] - o[1]), gap]


def _different_words() -> list[str]:
    """Where the notes' two sentences differ."""
    sentences = [f"I want a glass of {fruit} juice" for fruit in ("orange", "apple")]
    words = Vocabulary.of_words(" ".join(sentences).split())
    first, second = (words.encode(sentence) for sentence in sentences)
    return [words.decode(ids[first != second]) for ids in (first, second)]


CHECKS = MappingProxyType(
    {
        "harry-potter-length": _harry,
        "dictionary-index": lambda: [
            _one_hot(PLACES, "harry").argmax(),
            _one_hot(PLACES, "harry").size,
        ],
        "naive-net-fails": lambda: _whatever_length(RNN(100, parent=None), 10_000),
        "rnn-step": _concatenated,
        "rnn-uses-past-only": lambda: {
            "past": not _moved(RNN(4, parent=None), 2)[:2].any(),
            "future": bool(_moved(RNN(4, parent=None), 2)[2:].all()),
        },
        "lm-eos": _uniform_model,
        "gru-candidate-bracket": _candidate,
        "gru-time-superscripts": lambda: [
            _simplified((_logit(0.25), OPEN), 0.0),
            _simplified((SHUT, OPEN), 0.0),
        ],
        "gru-flowchart-output": _emitted,
        "gru-reset-gate-name": _reset,
        "gru-memory-keeps": _memories,
        "gru-param-count": lambda: [
            _parameters(GRU(4, reset=reset, parent=None), 3) for reset in ("before", "none")
        ],
        "lstm-cell": _cell,
        "lstm-output-missing": lambda: _lstm((SHUT, OPEN, 0.0, 0.0), _units(0.75))[1][0, 0],
        "lstm-param-count": lambda: _parameters(LSTM(4, parent=None), 3),
        "lstm-forget-keeps": _forgetting,
        "brnn-sees-future": _future,
        "deep-rnn": _deep,
        "onehot-man": lambda: [
            _one_hot((("man", 5391),), "man").argmax(),
            _one_hot((("man", 5391),), "man").sum(),
        ],
        "onehot-no-similarity": _similarity,
        "apple-juice-orange": _different_words,
    }
)
