"""A text as words with their neighbours: what skip-gram and CBOW read (notes 5.8)."""

from __future__ import annotations

import collections
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data.text.vocabulary import Vocabulary
from ngjax.ops import alias
from ngjax.types import Array, Batch, Source, UserError

_WORD = re.compile(r"<unk>|[^\W\d]\w*(?:['.-]\w+)*")
_UNKNOWN = "<unk>"  # as published texts have it: a word that is no word


class Corpus(NamedTuple):
    """A text without the words that the vocabulary lacks."""

    ids: np.ndarray  # int32 [n]
    passage: np.ndarray  # int32 [n], which passage a word stands in


def passages(text: str) -> list[list[str]]:
    """The words of each passage, in lower case; numbers and punctuation are passed over.

    A passage is a paragraph where the text has empty lines, else a line: words of two passages are
    no neighbours.
    """
    parts = re.split(r"\n\s*\n", text)
    parts = parts if len(parts) > 1 else text.split("\n")
    return [words for part in parts if (words := _WORD.findall(part.lower()))]


def known_words(texts: Sequence[Sequence[str]], size: int = 0, least: int = 1) -> Vocabulary:
    """The words that stand in the passages `least` times or more, the `size` most frequent."""
    counts = collections.Counter(word for words in texts for word in words)
    often = {w: n for w, n in counts.items() if n >= least and w != _UNKNOWN}
    return Vocabulary.of_words(collections.Counter(often).elements(), size, special=())


def corpus(texts: Sequence[Sequence[str]], known: Vocabulary) -> Corpus:
    """The known words of the passages, side by side.

    Raises:
        UserError: not two of them.
    """
    pairs = [
        (known.number[word], i)
        for i, words in enumerate(texts)
        for word in words
        if word in known.number
    ]
    if len(pairs) < 2:
        raise UserError(
            f"a text of {len(pairs)} known words holds no neighbours; take a longer one"
        )
    ids, passage = np.array(pairs, np.int32).T
    return Corpus(np.ascontiguousarray(ids), np.ascontiguousarray(passage))


def kept(counts: np.ndarray, threshold: float) -> np.ndarray:
    """min(1, sqrt(t / f)) of every word [V], f its share of the text; t = 0 keeps all.

    A frequent word says little of its neighbours, so it is passed over at random (Mikolov et al.
    2013, equation 5).
    """
    if not threshold:
        return np.ones(len(counts), np.float32)
    share = np.maximum(counts, 1) / counts.sum()
    return np.minimum(1, np.sqrt(threshold / share)).astype(np.float32)


def neighbours(
    text: Corpus, keep: np.ndarray, window: int, negative: int, *, prefix: str, train: bool
) -> Source:
    """Words, the ones around them, and words from the noise.

    The window of a word reaches 1 to `window` words to each side, drawn evenly, so that nearer
    words count more. Words are kept by `keep`, as a centre and as a neighbour, anew every time
    (word2vec takes them out of the text first, which widens windows). Draws hang on the slot alone.

    Args:
        text: `Task.constants[prefix]` holds it.
        keep: [V]; `Task.constants["keep"]` holds it, and "noise" the `alias.table` of the noise.
        window: C, words to a side.
        negative: k, noise words a centre.
        prefix: where `constants` holds the text.
        train: an epoch is as many centres as are kept of one pass, none twice; False: all words,
            those passed over masked.

    Returns:
        a Source whose batches hold "centre" [B], "context" [B, 2C], "context_mask" [B, 2C] and
        "noise" [B, k].
    """
    n, C = len(text.ids), window
    offsets = np.array([d for d in range(-C, C + 1) if d])
    weight = keep[text.ids].astype(np.float64)  # [n]

    def order(size: int, batch_size: int, seed: int, epoch: int) -> np.ndarray:
        generator = np.random.Generator(np.random.Philox(key=[seed, epoch]))
        rank = generator.random(n) / weight  # below one: kept; the `size` lowest are
        chosen = np.argpartition(rank, size - 1)[:size]
        steps = size // batch_size
        return (
            generator.permutation(chosen)[: steps * batch_size]
            .reshape(-1, batch_size)
            .astype(np.int32)
        )

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        held, index = constants[prefix], drawn["index"]
        keys = jax.vmap(jax.random.fold_in, (None, 0))(key, drawn["slot"])
        count = 2 * negative + 2 * C + 2
        bits = jax.vmap(lambda k: jax.random.bits(k, (count,), jnp.uint32))(keys)  # [B, count]
        chance = (bits >> 8).astype(jnp.float32) * np.float32(2**-24)
        reach, own, of_context, of_noise = jnp.split(chance, (1, 2, 2 + 2 * C), axis=1)
        places = index[:, None] + offsets[None]  # [B, 2C]
        inside = (places >= 0) & (places < n)
        places = jnp.clip(places, 0, n - 1)
        context = held.ids[places]
        here = held.passage[index][:, None] == held.passage[places]
        near = np.abs(offsets)[None] <= 1 + jnp.floor(reach * C)
        mask = inside & here & near & (of_context < constants["keep"][context])
        centre = held.ids[index]
        if not train:
            mask &= own < constants["keep"][centre][:, None]
        noise = alias.draw(
            constants["noise"], bits[:, -2 * negative : -negative], of_noise[:, negative:]
        )
        mask = mask.astype(jnp.float32)
        return {"centre": centre, "context": context, "context_mask": mask, "noise": noise}

    size = max(1, round(float(weight.sum()))) if train else n
    return Source(size=size, batch=batch, order=order) if train else Source(size=n, batch=batch)
