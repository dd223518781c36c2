"""The dictionary of notes 5: tokens and their numbers."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Iterable

import numpy as np

from ngjax.types import UserError

EOS = "<EOS>"  # the end of a sentence is a token too (notes 5.3)
UNK = "<UNK>"  # stands for every token the dictionary lacks


def words_of_lines(text: str) -> list[str]:
    """The words of a text, split at white space, EOS behind every line; "<unk>" becomes UNK."""
    lines = text.split("\n")
    if not lines[-1].strip():
        lines.pop()
    unknown = {UNK.lower(): UNK}
    return [word for line in lines for word in (*(unknown.get(w, w) for w in line.split()), EOS)]


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    """Tokens in a fixed order; a token's number is its place, from 0 (the notes count from 1).

    Attributes:
        tokens: the dictionary, V of them.
        joiner: what stands between tokens: nothing (characters) or a space (words).
    """

    tokens: tuple[str, ...]
    joiner: str = ""

    def __post_init__(self) -> None:
        if len(set(self.tokens)) != len(self.tokens):
            raise ValueError("tokens: a token stands in the vocabulary twice")

    def __len__(self) -> int:
        return len(self.tokens)

    @classmethod
    def of_characters(cls, text: str, special: tuple[str, ...] = ()) -> Vocabulary:
        """The characters of `text` in their order, then the special tokens."""
        return cls((*sorted(set(text)), *special))

    @classmethod
    def of_words(
        cls, words: Iterable[str], size: int = 0, special: tuple[str, ...] = (EOS, UNK)
    ) -> Vocabulary:
        """The most frequent words (of equal ones the alphabetically first) in alphabetical order.

        Args:
            words: the corpus, token by token; special tokens in it are not counted.
            size: V, special tokens included; 0: every word.
            special: tokens set behind the words.
        """
        counts = collections.Counter(words)
        ranked = sorted((w for w in counts if w not in special), key=lambda w: (-counts[w], w))
        kept = ranked[: size - len(special)] if size else ranked
        return cls((*sorted(kept), *special), joiner=" ")

    @functools.cached_property
    def number(self) -> dict[str, int]:
        """Token -> its number."""
        return {token: i for i, token in enumerate(self.tokens)}

    def encode(self, tokens: str | Iterable[str]) -> np.ndarray:
        """Numbers of tokens; a str is taken by characters, or split at white space for words.

        Returns:
            int32 [T].

        Raises:
            UserError: a token is unknown and there is no UNK.
        """
        if isinstance(tokens, str) and self.joiner:
            tokens = tokens.split()
        unknown = self.number.get(UNK)
        try:
            found = [self.number.get(token, unknown) for token in tokens]
            return np.fromiter(found, np.int32, len(found))
        except TypeError as error:
            place = found.index(None)
            raise UserError(
                f"token {place + 1} of the text is not among the {len(self)} of the vocabulary; "
                "leave it out"
            ) from error

    def decode(self, ids: Iterable[int]) -> str:
        """The text that `ids` [T] stand for."""
        return self.joiner.join(self.tokens[int(i)] for i in ids)

    def one_hot(self, ids: np.ndarray) -> np.ndarray:
        """The vectors o of notes 5: one at the token's number, zero elsewhere.

        For showing and for tests; a layer looks its embedding up by number instead.

        Args:
            ids: int [...].

        Returns:
            float32 [..., V].
        """
        return (np.asarray(ids)[..., None] == np.arange(len(self))).astype(np.float32)
