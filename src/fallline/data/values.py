"""Texts that are the same value: "True" and "true", "2" and "2.0".

Formats write one value differently: pandas writes True into CSV for what is a boolean in Parquet,
and a column of whole numbers with a gap becomes 2.0 in one of them.
"""

from collections.abc import Sequence

import numpy as np

from fallline.data.table import parse_numbers

__all__ = ["by_value", "unambiguous"]

WORDS = {"true": True, "false": False}


def by_value(texts: Sequence[str], known: Sequence[str]) -> dict[str, int]:
    """{text: its position in ``known``} for the texts that equal one of ``known``, in any spelling.

    An identical text is that value. Others are compared as truth values and as numbers; 1 and 0 are
    true and false if the known ones are truth values, and vice versa.

    >>> by_value(["TRUE", "0", "maybe"], ["False", "True"])
    {'TRUE': 1, '0': 0}
    >>> by_value(["2.0", "02"], ["1", "2"])
    {'2.0': 1, '02': 1}
    """
    index = {name: number for number, name in enumerate(known)}
    mapping = {text: index[text] for text in texts if text in index}
    others = [text for text in texts if text not in index]
    if not others:
        return mapping
    by_word = {WORDS[n.lower()]: i for n, i in index.items() if n.lower() in WORDS}
    by_number = unambiguous(known)
    for text, number in zip(others, parse_numbers(others).tolist(), strict=True):
        word = WORDS.get(text.lower())
        if word is not None:
            found = by_word.get(word, by_number.get(float(word)) if binary(by_number) else None)
        else:
            found = by_number.get(number)
            if found is None and len(by_word) == len(known) and number in (0.0, 1.0):
                found = by_word.get(bool(number))
        if found is not None:
            mapping[text] = found
    return mapping


def binary(by_number: dict[float, int]) -> bool:
    return set(by_number) <= {0.0, 1.0}


def unambiguous(known: Sequence[str]) -> dict[float, int]:
    """The known texts that are numbers, without those that equal another as a number."""
    numbers = parse_numbers(known)
    places: dict[float, list[int]] = {}
    for i in np.flatnonzero(np.isfinite(numbers)).tolist():
        places.setdefault(float(numbers[i]), []).append(i)
    return {number: at[0] for number, at in places.items() if len(at) == 1}
