"""Clips of several words on the device: drawn anew at every training step, or held for judging.

`bank` holds the log-mel frames of all recordings side by side, and `composed` gathers those of a
clip. No frame then lies across a joint, as one or two in a joined wave do; nothing else differs,
and a clip costs one gather.

Shapes: B clips, F frames, M mel bands, N words at most, m recordings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ngjax.data.sound.clips import Frames, Recordings, features, quiet
from ngjax.ops.mel import masked, normalised
from ngjax.types import Array, Batch, Source


class Drawn(NamedTuple):
    """How a clip is drawn for training; frames and shares."""

    rooms: tuple[int, ...]  # frames that a clip of 1, 2, ... N words may last; the last is F
    pause: tuple[int, int]  # frames of a pause, from and to
    speed: float = 0.0  # words last up to this share longer or shorter
    pitch: float = 0.0  # bands are shifted up to this share, as by a shorter or longer throat
    mask_frames: int = 0  # frames in a row that are hidden, at most
    mask_bands: int = 0  # bands in a row that are hidden, at most


def drawn(held: Recordings, how: Drawn, *, prefix: str = "train") -> Source:
    """Clips for training, as many an epoch as recordings: each begins one clip.

    The clips of a batch have equally many words, so that they can be cut to one width
    (`ngjax.ops.bucket`): a number that hangs on the step's key, not on a device.

    Args:
        held: recordings; only their number is kept: `constants[prefix]` is their `bank`.
        how: they are drawn.
        prefix: where `constants` holds the bank.

    Returns:
        a Source whose batches hold "inputs" [B, F, M], "length" [B], "targets" [B, N] (word + 1,
        zeros behind) and "room" [B], the frames after which every clip of the batch has ended.
    """

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        count_key, key = jax.random.split(key)
        n = jax.random.randint(count_key, (), 0, len(how.rooms), jnp.int32)
        room = jnp.asarray(how.rooms, jnp.int32)[n]

        def one(index: Array, slot: Array) -> dict[str, Array]:
            clip_key, mask_key = jax.random.split(jax.random.fold_in(key, slot))
            clip = composed(constants[prefix], how, clip_key, index, n + 1, room)
            x = normalised(clip["inputs"], clip["length"])
            return {**clip, "inputs": masked(mask_key, x, how.mask_frames, how.mask_bands)}

        made = jax.vmap(one)(drawn["index"], drawn["slot"])
        return {**made, "room": jnp.full(drawn["index"].shape, room)}

    return Source(size=len(held.waves), batch=batch)


def judged(count: int, *, prefix: str) -> Source:
    """Clips that lie in `constants[prefix]`, each array [count, ...]."""

    def batch(constants: Any, drawn: Mapping[str, Array], key: Array) -> Batch:
        return {what: values[drawn["index"]] for what, values in constants[prefix].items()}

    return Source(size=count, batch=batch)


def bank(held: Recordings, cut: Frames, seed: int) -> dict[str, np.ndarray]:
    """What `composed` reads: all frames of all recordings, and where each begins.

    Args:
        held: recordings of one or more speakers.
        cut: how they are heard.
        seed: draws each speaker's quiet.
    """
    generator = np.random.default_rng([seed, len(held.waves)])
    speakers, first, count = np.unique(held.speaker, return_index=True, return_counts=True)
    own = [held.waves[f : f + c] for f, c in zip(first, count, strict=True)]
    silences = [quiet(waves, generator) for waves in own]
    frames = features([*held.waves, *silences], cut)
    length = np.array([len(one) for one in frames])
    start = np.concatenate([[0], np.cumsum(length)[:-1]])
    m = len(held.waves)
    numbers = {
        "start": start[:m],
        "length": length[:m],
        "word": held.word,
        "speaker": np.searchsorted(speakers, held.speaker),
        "first": first,  # of each speaker, his first recording
        "count": count,
        "quiet_start": start[m:],
        "quiet_length": length[m:],
    }
    whole = {name: np.int32(values) for name, values in numbers.items()}
    return {"frames": np.concatenate(frames).astype(np.float32), **whole}


def composed(
    held: Mapping[str, Array], how: Drawn, key: Array, index: Array, count: Array, room: Array
) -> dict[str, Array]:
    """One clip for training: recording `index`, then others of its speaker.

    Args:
        held: of `bank`.
        how: static.
        key: decides all but the first word.
        index: int [], of the first recording.
        count: int [], words; fewer where they do not fit in.
        room: int [], frames that the clip may last, at most F. A first word that does
            not fit in loses its end.

    Returns:
        {"inputs": [F, M], "length": int [], "targets": int [N], word + 1, zeros behind}.
    """
    N, F = len(how.rooms), how.rooms[-1]
    draw = iter(jax.random.split(key, 5))
    speaker = held["speaker"][index]
    share = jax.random.uniform(next(draw), (N,), jnp.float32)
    others = held["first"][speaker] + (share * held["count"][speaker]).astype(jnp.int32)
    chosen = others.at[0].set(index)  # [N]
    rate = jnp.exp(jax.random.uniform(next(draw), (N,), jnp.float32, -1, 1) * how.speed)
    low, high = how.pause
    pause = jax.random.randint(next(draw), (N + 1,), low, high + 1, jnp.int32)
    own = held["length"][chosen]  # [N]
    length = jnp.maximum(1, (own / rate).astype(jnp.int32))
    length = length.at[0].min(room - pause[0] - pause[1])
    ends = pause[0] + jnp.cumsum(length + pause[1:])  # [N]
    said = (ends <= room) & (jnp.arange(N) < count)
    length, after = jnp.where(said, length, 0), jnp.where(said, pause[1:], 0)

    spare = held["quiet_length"][speaker] - high
    share = jax.random.uniform(next(draw), (N + 1,), jnp.float32)
    still = held["quiet_start"][speaker] + (share * spare).astype(jnp.int32)  # [N + 1]
    lengths = _between(jnp.concatenate([pause[:1], after]), length)  # [2N + 1]
    starts = _between(still, held["start"][chosen])
    steps = _between(jnp.ones(N + 1), rate)
    most = _between(jnp.full(N + 1, high), own)  # frames of each piece that are there

    ends = jnp.cumsum(lengths)
    t = jnp.arange(F)
    piece = jnp.minimum(jnp.searchsorted(ends, t, side="right"), 2 * N)  # [F]
    offset = ((t - (ends - lengths)[piece]) * steps[piece]).astype(jnp.int32)
    row = starts[piece] + jnp.clip(offset, 0, most[piece] - 1)
    shift = jnp.exp(jax.random.uniform(next(draw), (), jnp.float32, -1, 1) * how.pitch)
    x = _shifted(held["frames"][row], shift)  # [F, M]
    targets = jnp.where(said, held["word"][chosen] + 1, 0)
    return {"inputs": x, "length": ends[-1], "targets": targets}


def _between(outer: Array, inner: Array) -> Array:
    """Pause, word, pause, word, ..., pause: [N + 1] and [N] -> [2N + 1]."""
    outer = outer.astype(jnp.promote_types(outer.dtype, inner.dtype))
    made = jnp.zeros(2 * len(inner) + 1, outer.dtype)
    return made.at[::2].set(outer).at[1::2].set(inner)


def _shifted(x: Array, shift: Array) -> Array:
    """Band b of [F, M] becomes what was heard at band b * shift, between bands linearly."""
    M = x.shape[-1]
    place = jnp.clip(jnp.arange(M) * shift, 0, M - 1)
    low = jnp.minimum(place.astype(jnp.int32), M - 2)
    part = (place - low).astype(x.dtype)[None, :]
    return x[:, low] * (1 - part) + x[:, low + 1] * part
