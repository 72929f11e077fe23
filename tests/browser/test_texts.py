"""Texts of others: right to left, beyond the basic plane, and hostile. They are shown, never run."""

from tests.browser.conftest import ARABIC, HOSTILE, HOSTILE_LABELS

EMOJI = "\U0001f469\u200d\U0001f680 was \U0001f600\U0001f600 very good \U0001f44d\U0001f3fd today"


def test_what_is_explained_is_the_text_as_it_was_typed(open_page):
    page = open_page("#/texts/explain")
    for text in (HOSTILE, ARABIC, EMOJI, "  two  spaces\nand a line "):
        page.field("instance").fill(text)
        with page.page.expect_response("**:explain") as asked:
            page.button("Explain").click()
        (answer,) = asked.value.json()["explanations"]
        page.find(".state").get_by_text("Explained").wait_for()
        assert page.find("p.text").text_content() == text
        marks = page.page.locator("p.text mark")
        assert marks.all_text_contents() == [one["text"] for one in answer["attributions"]]
        assert page.page.locator("img, main script").count() == 0


def test_a_text_from_right_to_left_is_drawn_so(open_page):
    page = open_page("#/texts/explain")
    page.field("instance").fill(ARABIC)
    page.ask("Explain", ".explanation")
    boxes = [mark.bounding_box()["x"] for mark in page.find("p.text mark").all()]
    assert boxes == sorted(boxes, reverse=True)
    direction = "element => getComputedStyle(element).direction"
    assert page.find("p.text").evaluate(direction) == page.field("instance").evaluate(direction) == "rtl"


def test_labels_are_only_text(open_page, tiny):
    page = open_page("#/hostile/predict", url=tiny)
    page.ask("Predict", ".prediction")
    assert sorted(page.find(".bars .label").all_inner_texts()) == sorted(HOSTILE_LABELS)
    assert page.find(".placard .labels li").all_inner_texts() == HOSTILE_LABELS
    assert page.page.locator("img").count() == 0
