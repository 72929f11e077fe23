"""Characters are followed back through joining, cleaning and cutting to the caller's own values."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.provenance import LONGEST_COMPARED, Origin, Traced, joined, traced_values
from models.text_cleaning import fix_html, html_to_text, rm_useless_spaces, strip_spaces

TEXTS = st.text(alphabet=st.sampled_from("ab é\n\t<>&;日"), max_size=30)


def found(traced: Traced, words: str, source: str) -> str:
    start = traced.text.index(words)
    origin = traced.span(start, start + len(words))
    assert origin is not None
    return source[origin.start : origin.end]


@given(TEXTS)
def test_cleaned_spaces_leave_every_character_in_its_place(text: str) -> None:
    traced = Traced.of(text, "text").through(lambda before: rm_useless_spaces(strip_spaces(before)))
    assert traced.text == re.sub(" {2,}", " ", text.strip())
    for character, origin in zip(traced.text, traced.origins, strict=True):
        assert origin is not None
        assert text[origin.start : origin.end] == character


@given(TEXTS)
def test_whatever_html_becomes_has_an_origin_in_order(text: str) -> None:
    traced = Traced.of(text, "text").through(lambda before: html_to_text(fix_html(before)))
    starts = [origin.start for origin in traced.origins if origin]
    assert len(starts) == len(traced.text)
    assert starts == sorted(starts)


@pytest.mark.parametrize(
    ("source", "words", "wanted"),
    [
        ("<b>bold</b> and  brave", "bold", "bold"),
        ("<b>bold</b> and  brave", "brave", "brave"),
        ("fish &amp; chips", "&", "&amp;"),
        ("fish &amp; chips", "chips", "chips"),
        ("one<br>two", "two", "two"),
        ("caf&eacute;&nbsp;noir", "café", "caf&eacute;"),
    ],
)
def test_html(source: str, words: str, wanted: str) -> None:
    traced = Traced.of(source, "text").through(lambda before: html_to_text(fix_html(before)))
    assert found(traced, words, source) == wanted


def test_a_change_that_cannot_be_followed_gives_the_stretch_around_it() -> None:
    traced = Traced.of("the old word stays", "text").through(lambda text: text.replace("old", "quite new"))
    assert found(traced, "stays", "the old word stays") == "stays"
    assert "old" in found(traced, "quite new", "the old word stays")
    long = "x" * (LONGEST_COMPARED + 1)
    assert Traced.of(long, "text").through(lambda text: text.replace("x", "y")).origins[5] == Origin(
        "text", 0, len(long)
    )


def test_values_keep_the_keys_that_lead_to_them() -> None:
    values = traced_values({"name": "Blue Bar", "place": {"city": "Leeds", "founded": 1999}, "tags": ["a", None]}, "r")
    whole = joined(values)
    assert whole.text == "Blue Bar Leeds 1999 a None"
    spans = {
        word: whole.span(whole.text.index(word), whole.text.index(word) + len(word)) for word in whole.text.split()
    }
    assert spans["Bar"] == Origin("r.name", 5, 8)
    assert spans["1999"] == Origin("r.place.founded", 0, 4)
    assert spans["None"] == Origin("r.tags.1", 0, 4)
    assert whole.span(8, 9) is None


@given(TEXTS, st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_part_of_a_value_knows_where_it_was(text: str, start: int, end: int, first: int, last: int) -> None:
    """Whatever is cut from it, as it was sent or put behind another."""
    part = Traced.of(text, "text").slice(start, end)
    assert [text[origin.start : origin.end] for origin in part.origins if origin] == list(part.text)
    behind = joined([Traced.of("before", "other"), part])
    for traced, shift in ((part, 0), (behind, len("before "))):
        origin = traced.span(shift + first, shift + last)
        wanted = text[start:end][first:last]
        assert (text[origin.start : origin.end] if origin else "") == wanted
        assert origin is None or origin.field == "text"
