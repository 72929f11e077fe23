"""How people really type: typos, abbreviations, casing, punctuation."""

from __future__ import annotations

import random
import re

ABBREVIATIONS = {
    "and": ["&", "+", "n"],
    "limited": ["ltd", "Ltd.", "LTD"],
    "company": ["co", "Co."],
    "street": ["st", "St.", "str"],
    "road": ["rd", "Rd."],
    "avenue": ["ave", "Ave.", "av"],
    "lane": ["ln", "La."],
    "square": ["sq", "Sq."],
    "saint": ["st", "St."],
    "north": ["n", "N."],
    "south": ["s", "S."],
    "services": ["svcs", "serv."],
    "centre": ["ctr", "center"],
    "associates": ["assoc", "assocs."],
    "brothers": ["bros", "Bros."],
    "restaurant": ["rest.", "restaraunt"],
    "international": ["intl", "int'l"],
    "department": ["dept", "dept."],
    "please": ["pls", "plz"],
    "you": ["u"],
    "your": ["ur", "yr"],
    "because": ["bc", "cos"],
    "thanks": ["thx", "ta"],
    "tomorrow": ["tmrw", "tomoz"],
    "something": ["sth"],
    "account": ["acct", "acc"],
    "number": ["no.", "nr", "num"],
    "with": ["w/"],
    "without": ["w/o"],
    "pieces": ["pcs"],
    "black": ["blk"],
    "white": ["wht"],
}
NEIGHBOURS = dict(zip("abcdefghijklmnopqrstuvwxyz", "svxswdfguhjknbiowearybeztx", strict=True))
"""One neighbouring key on a QWERTY keyboard for each letter."""


def typo(word: str, rng: random.Random) -> str:
    """Swaps, drops, doubles or mistypes one letter inside a word of four letters or more."""
    if len(word) < 4 or not word.isalpha():
        return word
    at = rng.randrange(1, len(word) - 1)
    return rng.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + NEIGHBOURS.get(word[at], word[at]) + word[at + 1 :],
        ]
    )


def with_typo(text: str, rng: random.Random) -> str:
    parts = text.split(" ")
    at = rng.randrange(len(parts))
    parts[at] = typo(parts[at], rng)
    return " ".join(parts)


def abbreviated(text: str, rng: random.Random, chance: float = 1.0) -> str:
    """Known words shortened, each with the given chance."""

    def shorten(match: re.Match[str]) -> str:
        short = ABBREVIATIONS.get(match[0].lower())
        return rng.choice(short) if short and rng.random() < chance else match[0]

    return re.sub(r"[A-Za-z]+", shorten, text)


def recased(text: str, rng: random.Random) -> str:
    return rng.choice([text.lower(), text.lower(), text.upper()])


def repunctuated(text: str, rng: random.Random) -> str:
    return rng.choice([text.replace("'", ""), text.replace(",", ""), text.replace(" & ", "&"), text + ".", f"{text} "])


def noisy(text: str, rng: random.Random, rate: float = 0.1) -> str:
    """Each kind of noise with probability `rate`; most texts stay as they are for a small rate."""
    if rng.random() < rate:
        text = with_typo(text, rng)
    if rng.random() < rate * 2:
        text = abbreviated(text, rng, 0.7)
    if rng.random() < rate * 1.5:
        text = recased(text, rng)
    if rng.random() < rate:
        text = repunctuated(text, rng)
    return text
