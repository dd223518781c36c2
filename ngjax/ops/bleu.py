r"""BLEU, how near translations are to people's (Papineni et al. 2002), as it is reported today.

    BLEU = BP exp(1/4 sum_n log p_n),     BP = min(1, exp(1 - r / c))

p_n is the share of the translations' n-grams that their reference has too (each of them counted as
often as the reference has it, at most), over the whole corpus; c and r are the words of all
translations and of all references. Words are those of NIST's mteval-v13a, as in sacreBLEU (Post
2018), whose default number this is: one reference a sentence, p_n without a match smoothed.
"""

from __future__ import annotations

import collections
import math
import re
from collections.abc import Sequence
from typing import NamedTuple

ORDER = 4  # longest n-gram
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
_SPACED = (
    (re.compile(r"([\{-\~\[-\` -\&\(-\+\:-\@\/])"), r" \1 "),
    (re.compile(r"([^0-9])([\.,])"), r"\1 \2 "),  # no digit before
    (re.compile(r"([\.,])([^0-9])"), r" \1 \2"),  # no digit behind
    (re.compile(r"([0-9])(-)"), r"\1 \2 "),
)


class Bleu(NamedTuple):
    """A corpus's score and what it is made of."""

    score: float  # 0 to 100
    precisions: tuple[float, ...]  # p_1 ... p_4, in per cent, smoothed where nothing matched
    brevity_penalty: float
    length: int  # c
    reference_length: int  # r


def words_13a(line: str) -> list[str]:
    """The words of a line by mteval-v13a: marks stand alone, but for . , - inside numbers."""
    line = line.replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    for entity, character in _ENTITIES:
        line = line.replace(entity, character)
    line = f" {line} "
    for pattern, spaced in _SPACED:
        line = pattern.sub(spaced, line)
    return line.split()


def corpus_bleu(
    translations: Sequence[str], references: Sequence[str], lower: bool = False
) -> Bleu:
    """BLEU of a corpus; a mean over sentences it is not.

    Args:
        translations: a line each, as one would print it.
        references: what a person wrote, in the same order.
        lower: take upper and lower case for the same.

    Raises:
        ValueError: there is nothing, or not one reference a translation.
    """
    if len(translations) != len(references) or not references:
        raise ValueError(f"{len(translations)} translations and {len(references)} references")
    right, all_ = [0] * ORDER, [0] * ORDER
    lengths = [0, 0]
    for pair in zip(translations, references, strict=True):
        found, wanted = (words_13a(line.lower() if lower else line) for line in pair)
        lengths = [lengths[0] + len(found), lengths[1] + len(wanted)]
        for n in range(1, ORDER + 1):
            have, want = n_grams(found, n), n_grams(wanted, n)
            right[n - 1] += sum((have & want).values())
            all_[n - 1] += max(0, len(found) - n + 1)
    precisions, halved = [], 1
    for matches, total in zip(right, all_, strict=True):
        if total and not matches:  # the k-th p_n without a match counts 1 / 2^k of one
            halved *= 2
            precisions.append(100 / (halved * total))
        else:
            precisions.append(100 * matches / total if total else 0.0)
    c, r = lengths
    penalty = 1.0 if c >= r else (math.exp(1 - r / c) if c else 0.0)
    score = 0.0
    if any(right) and all(precisions):
        score = penalty * math.exp(sum(map(math.log, precisions)) / ORDER)
    return Bleu(score, tuple(precisions), penalty, c, r)


def n_grams(words: Sequence[str], n: int) -> collections.Counter[tuple[str, ...]]:
    """How often each n words stand side by side."""
    return collections.Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))
