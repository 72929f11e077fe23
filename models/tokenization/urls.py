"""When spaCy takes a chunk of text for a URL and keeps it whole.

Source: the URL pattern of spacy/lang/tokenizer_exceptions.py (after Diego Perini's), as it was in 2.1 and
from 2.2 on. As written there it backtracks: on a long word it takes quadratic time and worse. The
matchers below accept the same strings in linear time. Two facts make that possible: a user part
(`anything@`) needs no matching, since the host may simply start behind any `@`; and no character that
ends a label of a host can also continue it, so a label never has to be tried shorter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from functools import cached_property, partial

UrlMatcher = Callable[[int, int], bool]
"""Whether the piece of a chunk between two offsets is a URL."""

UrlRule = Callable[[str], UrlMatcher]
"""A chunk -> its matcher."""

_NEVER = sys.maxsize

# An IPv4 address outside the private ranges; `last` is its last number.
_ADDRESS = r"""
    (?!(?:10|127)(?:\.\d{{1,3}}){{3}})
    (?!(?:169\.254|192\.168)(?:\.\d{{1,3}}){{2}})
    (?!172\.(?:1[6-9]|2\d|3[01])(?:\.\d{{1,3}}){{2}})
    (?:[1-9]\d?|1\d\d|2[01]\d|22[0-3])
    (?:\.(?:1?\d{{1,2}}|2[0-4]\d|25[0-5])){{2}}
    \.(?:{last})
"""


class AnythingBehindHost:
    """spaCy 2.1: a word character first, a word character or slash last, and a host; what follows the host is free.

    So it is enough to know where the earliest host ends. That depends on where the piece begins, and the
    tokenizer asks for many ends of one beginning.
    """

    # Shortest first: nothing behind the host matters, so its first two letters or first digit will do.
    _HOST = rf"""(?:
        {_ADDRESS.format(last="[1-9]")}
        | [a-z0-9-]++(?<!-)\.(?:[a-z]{{2}} | [a-z0-9][a-z0-9-]++(?<!-)\.[a-z]{{2}})
    )"""
    _HERE = re.compile(_HOST, re.VERBOSE)
    _BEHIND_SCHEME = re.compile(rf"(?:https?|ftp|mailto)://{_HOST}", re.VERBOSE)
    _BEHIND_USER = re.compile(rf"@{_HOST}", re.VERBOSE)

    def __init__(self, chunk: str) -> None:
        self._chunk = chunk
        self._begin = -1
        self._host_end = _NEVER

    def __call__(self, begin: int, end: int) -> bool:
        first, last = self._chunk[begin], self._chunk[end - 1]
        if not (first.isalnum() or first == "_") or not (last.isalnum() or last in "_/"):
            return False
        if begin != self._begin:
            self._begin = begin
            self._host_end = min(
                self._end(self._HERE.match(self._chunk, begin)),
                self._end(self._BEHIND_SCHEME.match(self._chunk, begin)),
                self._behind_user,
            )
        return self._host_end <= end

    @cached_property
    def _behind_user(self) -> int:
        # Right for every beginning: the tokenizer never strips an "@", so all of them stay inside the piece, and
        # a piece that begins with one has been turned down already.
        return self._end(self._BEHIND_USER.search(self._chunk))

    @staticmethod
    def _end(match: re.Match[str] | None) -> int:
        return match.end() if match else _NEVER


def whole_url(lower: str) -> UrlRule:
    """spaCy 2.2 and later: nothing but scheme, user, host, port and path.

    `lower` is the character-class content that a top-level domain is made of.
    """
    address = _ADDRESS.format(last=r"[1-9]\d?|1\d\d|2[0-4]\d|25[0-4]")
    label_character = r"A-Za-z0-9\u00a1-\uffff"
    pattern = re.compile(
        rf"""
        (?: \A | \A[\w+\-.]{{2,}}+:// | (?<=.)@ )
        (?:
            {address}
            | (?:[{label_character}][{label_character}_-]{{0,63}}+(?<![_-])\.)++[{lower}]{{2,63}}+
        )
        (?: :\d{{2,5}} )?
        (?: [/?\#] | \Z )
        """,
        re.VERBOSE | re.DOTALL,
    )

    return partial(_whole, pattern)


def _whole(pattern: re.Pattern[str], chunk: str) -> UrlMatcher:
    return lambda begin, end: pattern.search(chunk[begin:end]) is not None
