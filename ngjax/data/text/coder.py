"""From sentences to the numbers that a network reads, and back."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from ngjax.data.text.byte_pairs import BytePairs, joined
from ngjax.data.text.vocabulary import EOS, UNK, Vocabulary

PAD = "<PAD>"  # number 0: what stands behind the end of a sentence


@dataclasses.dataclass(frozen=True)
class Coder:
    """Tokens are characters, or pieces of words.

    Attributes:
        words: PAD, EOS, UNK and the tokens of training.
        pairs: how words fall into pieces, in lower case; None: a token is a character, as it is.
    """

    words: Vocabulary
    pairs: BytePairs | None = None

    @classmethod
    def learn(cls, texts: Sequence[str], merges: int = 0) -> Coder:
        """From the sentences of training.

        Args:
            texts: in all languages that are to share the tokens.
            merges: pairs of pieces made one; 0: characters.
        """
        pairs = BytePairs.learn(texts, merges) if merges else None
        tokens = pairs.tokens if pairs else sorted(set("".join(texts)))
        return cls(Vocabulary((PAD, EOS, UNK, *tokens)), pairs)

    @property
    def end(self) -> int:
        """The number of EOS."""
        return self.words.number[EOS]

    def encode(self, text: str) -> np.ndarray:
        """Numbers of a text's tokens and of EOS, int32 [T]; what training never saw is UNK."""
        return self.words.encode([*(self.pairs.pieces(text) if self.pairs else text), EOS])

    def decode(self, ids: Iterable[int]) -> str:
        """The text before EOS."""
        found = [self.words.tokens[int(i)] for i in ids]
        found = found[: found.index(EOS)] if EOS in found else found
        return joined(found) if self.pairs else "".join(found)

    def plain(self, text: str) -> str:
        """A text as `decode` would write it."""
        return " ".join(text.lower().split()) if self.pairs else text
