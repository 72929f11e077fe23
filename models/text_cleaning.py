"""The text cleaning rules of biome.text, by the names that a configuration of 1.0 - 3.3 gives them."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

from bs4 import BeautifulSoup, XMLParsedAsHTMLWarning

from models.errors import InvalidInstance

# A caller's text may well begin with an XML declaration; it is read as HTML all the same.
warnings.filterwarnings("ignore", category=XMLParsedAsHTMLWarning)


def strip_spaces(text: str) -> str:
    return text.strip()


def rm_useless_spaces(text: str) -> str:
    return re.sub(" {2,}", " ", text)


def fix_html(text: str) -> str:
    for space in ("&nbsp;", "&#160;", "&#xa0;"):
        text = text.replace(space, " ")
    return text.replace("<br>", "\n")


def html_to_text(text: str) -> str:
    """Raises InvalidInstance for markup that the HTML parser gives up on."""
    try:
        # A file, because a short string is looked at for file names and addresses, with a warning for each.
        return BeautifulSoup(io.StringIO(text), "lxml").get_text()
    except Exception as error:
        raise InvalidInstance("a text could not be read as HTML; send plain text.") from error


RULES: Mapping[str, Callable[[str], str]] = {
    rule.__name__: rule for rule in (fix_html, html_to_text, rm_useless_spaces, strip_spaces)
}

RM_SPACES = ("strip_spaces", "rm_useless_spaces")
HTML_TO_TEXT = ("fix_html", "html_to_text", *RM_SPACES)
"""What biome.text 0.3 calls a `text_transforms` of these names."""


def check_rules(names: Sequence[str]) -> tuple[str, ...]:
    """Raises ValueError, listing the rules, for a name that is none of them."""
    if unknown := [name for name in names if name not in RULES]:
        raise ValueError(f"the text cleaning rule {unknown[0]!r} is not implemented; these are: {', '.join(RULES)}")
    return tuple(names)


def clean(text: str, rules: Iterable[str]) -> str:
    for rule in rules:
        text = RULES[rule](text)
    return text
