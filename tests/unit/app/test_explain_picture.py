"""What a picture shows, as a page and as an image."""

import io
import re

import numpy
import pytest
from PIL import Image

from app import explain_image
from app.explain_colours import AGAINST, DARKEST, FOR
from app.explain_image import image
from app.explain_page import page
from app.explain_picture import ADDED, BLANK, Picture, picture


def part(text, field, attribution, start=None):
    return {
        "text": text,
        "field": field,
        "attribution": attribution,
        "start": start,
        "end": None if start is None else start + len(text),
    }


def answer(*parts, method="integrated_gradients", warnings=()):
    return {
        "instance": 0,
        "target": "pos",
        "score": 0.91,
        "method": method,
        "attributions": list(parts),
        "warnings": list(warnings),
    }


def shown(drawn: Picture):
    """The text of each cell with its name; None where there is no cell."""
    return [
        [cell and (cell.name, "".join(" " * mark.spaced + mark.text for mark in cell.marks)) for cell in row]
        for row in drawn.rows
    ]


PAIR = (
    part("name", "record1", 0.1),
    part("Blue", "record1.name", 0.4, 0),
    part("Bar", "record1.name", -0.2, 5),
    part("city", "record1", 0.1),
    part("Leeds", "record1.city", 0.0, 0),
    part("name", "record2", 0.1),
    part("Bar", "record2.name", -0.8, 0),
)


def test_spaces_are_the_callers_and_word_pieces_are_words():
    pieces = (part("[CLS]", "text", 0.0), part("noo", "text", 0.1, 0), part("##dle", "text", 0.1, 3))
    pieces[2]["end"] = 6
    (row,) = shown(picture(answer(*pieces, part("s", "text", 0.2, 6), part("##", "text", 0.1, 8))))
    assert row == [("text", "[CLS] noodles ##")]
    assert shown(picture(answer(part(" \n", "text", 0.1, 0)))) == [[("text", BLANK)]]


def test_records_stand_side_by_side_by_key():
    drawn = picture(answer(*PAIR))
    assert drawn.columns == ("record1", "record2")
    assert shown(drawn) == [[("name", "name Blue Bar"), ("name", "name Bar")], [("city", "city Leeds"), None]]
    assert not drawn.bars
    assert [mark.share for mark in drawn.rows[0][0].marks] == pytest.approx([0.125, 0.5, 0.25])


def test_fields_that_were_compared_by_position_stand_side_by_side():
    first = (part("a Blue", "record1.a", -1.0, 0), part("b Bar", "record1.b", 0.5, 0))
    second = (part("b Bar", "record2.b", 1.0, 0), part("a Blue", "record2.a", -0.0001, 0))
    drawn = picture(answer(*first, *second, method="biome"))
    assert drawn.bars
    assert shown(drawn) == [[("a", "Blue"), ("b", "Bar")], [("b", "Bar"), ("a", "Blue")]]
    numbers = [cell.marks[0].number for row in drawn.rows for cell in row]
    assert numbers == ["\N{MINUS SIGN}1", "+1", "+0.5", "\N{ALMOST EQUAL TO}0"]


def test_one_attribution_for_each_field_is_a_bar():
    drawn = picture(answer(part("", "record1", 0.1), part("Blue Bar", "record1.name", 0.5, 0)))
    assert drawn.bars
    assert shown(drawn) == [[("record1", ADDED)], [("record1.name", "Blue Bar")]]
    assert not picture(answer(part("one", "text", 0.5, 0))).bars


def test_a_page_holds_no_markup_of_the_callers():
    nasty = part("<b>'\"&", "te<xt", 0.3, 0)
    drawn = [picture(answer(nasty, warnings=["<i>"])), picture({"instance": 1, "error": "<u>"})]
    written = page(drawn)
    assert not re.search("<(b|i|u|xt)>", written)
    assert "&lt;u&gt;" in written
    assert "pos" in written


def test_a_page_says_numbers_and_sides_without_colours():
    drawn = picture(answer(*[one for one in PAIR if one["start"] is not None and one["text"] != "Blue"]))
    written = page([drawn])
    assert drawn.bars
    for needed in ("\N{MINUS SIGN}0.2", "\N{MINUS SIGN}0.8", 'class="against" style="width: 50.0%"', "hatched"):
        assert needed in written


def pixels(written: bytes):
    return numpy.asarray(Image.open(io.BytesIO(written)).convert("RGB")).astype(int)


def near(drawn, colour):
    return int((abs(drawn - numpy.array(colour)).max(axis=-1) < 12).sum())


def test_an_image_has_the_colours_of_both_sides():
    both, orange = (image([picture(answer(*parts))]) for parts in (PAIR, PAIR[:2]))
    darkest = {colour: DARKEST * numpy.array(colour) + (1 - DARKEST) * 255 for colour in (FOR, AGAINST)}
    assert near(pixels(both), darkest[AGAINST]) > 50
    assert near(pixels(orange), darkest[AGAINST]) == 0
    assert near(pixels(orange), darkest[FOR]) > 50


def test_bars_are_as_long_as_their_shares():
    first, second = (part("a", "record1.a", 1.0, 0), part("b", "record2.a", -0.25, 0))
    drawn = pixels(image([picture(answer(first, second, method="biome"))]))
    orange = max((abs(drawn - numpy.array(FOR)).max(axis=-1) < 12).sum(axis=1))
    blue = numpy.flatnonzero((abs(drawn - numpy.array(AGAINST)).max(axis=-1) < 60).any(axis=0))
    assert (blue.max() - blue.min()) == pytest.approx(orange / 4, abs=6)


def test_any_text_can_be_drawn():
    """$ is no formula, a word may be longer than a line, and a character need not be in any font."""
    for text in ("$5^{ and $6", "\\frac", "word" * 200, "日本 שלום 👍 \u0378", "\x00\x07"):
        assert pixels(image([picture(answer(part(text, "text" * 20, 0.5, 0)))])).shape[1] == 1500


def test_long_texts_take_more_lines_and_what_is_too_much_is_left_out(monkeypatch):
    monkeypatch.setattr(explain_image, "ENOUGH", 300.0)
    monkeypatch.setattr(explain_image, "LOWEST", 600.0)
    word = part("words", "text", 0.5, 0)
    short, longer = (pixels(image([picture(answer(*[word] * count))])) for count in (1, 100))
    assert len(longer) > len(short)
    fields = [part("words", f"text.{number}", 0.5, 0) for number in range(100)]
    for lengthy in (fields, [word] * 2000):
        assert 600 < 72 / 150 * len(pixels(image([picture(answer(*lengthy))]))) < 700
    assert 300 < 72 / 150 * len(pixels(image([picture(answer(word))] * 100))) < 450
