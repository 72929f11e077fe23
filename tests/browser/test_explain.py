"""What is drawn is what the API answered, on the text that was typed."""

import pytest

TEXT = "red cotton t-shirt for running, size M"


def test_a_text_is_coloured_by_what_its_words_say(open_page, server):
    page = open_page("#/texts/explain")
    page.field("instance").fill(TEXT)
    picture = page.ask("Explain", ".explanation p.text")
    assert picture.inner_text() == TEXT
    with server.client() as client:
        body = {"instances": [TEXT], "parameters": {"level": "word"}}
        (answer,) = client.post("/v1/models/texts:explain", json=body).json()["explanations"]
    words = answer["attributions"]
    marks = page.find("p.text mark")
    assert marks.all_inner_texts() == [one["text"] for one in words]
    sides = ["for" if one["attribution"] > 0 else "against" for one in words]
    assert [mark.get_attribute("class") for mark in marks.all()] == sides
    most = max(abs(one["attribution"]) for one in words)
    shares = [float(mark.evaluate("mark => mark.style.getPropertyValue('--share')")) for mark in marks.all()]
    assert shares == pytest.approx([abs(one["attribution"]) / most for one in words], abs=1e-3)
    assert page.find(".explanation .said bdi").inner_text() == answer["target"]


def test_colours_are_those_of_the_pictures(open_page):
    from app.explain_colours import AGAINST, FOR

    page = open_page("#/texts/explain")
    page.ask("Explain", ".explanation")
    lines = page.find("mark.for").first.evaluate("mark => getComputedStyle(mark).borderBottom")
    assert lines == f"2px solid rgb{FOR}"
    lines = page.find("mark.against").first.evaluate("mark => getComputedStyle(mark).borderBottom")
    assert lines == f"2px dotted rgb{AGAINST}"


def test_target_level_method_and_steps_are_asked_for(open_page):
    page = open_page("#/texts/explain")
    page.field("What speaks for").select_option("Each label")
    page.find(".segmented").get_by_text("Tokens").click()
    page.text("How").click()
    page.field("Method").select_option("Occlusion")
    page.field("Numbers").select_option("Sum to 1 (l1)")
    with page.page.expect_request("**:explain") as asked:
        page.ask("Explain", ".explanation")
    assert asked.value.post_data_json["parameters"] == {
        "method": "occlusion",
        "level": "token",
        "target": "all",
        "normalize": "l1",
    }
    labels = page.find(".labels li").all_inner_texts()
    assert sorted(page.find(".explanation .said bdi").all_inner_texts()) == sorted(labels)
    page.field("Steps").select_option("10")
    page.ask("Explain", ".refusal")
    assert "n_steps" in page.find(".refusal").inner_text()


def test_methods_are_those_of_the_model(open_page):
    page = open_page()
    methods = {model: _methods(page, model) for model in ("texts", "pairs", "checkpoint")}
    assert "allennlp" in methods["texts"]
    assert "biome" in methods["pairs"]
    assert not {"allennlp", "biome"} & set(methods["checkpoint"])


def _methods(page, model):
    page.visit(model, "explain")
    page.text("How").click()
    return [option.get_attribute("value") for option in page.field("Method").locator("option").all()]


def test_records_stand_side_by_side_with_a_signed_bar_for_each_field(open_page, server):
    page = open_page("#/pairs/explain")
    page.text("How").click()
    page.field("Method").select_option("biome.text\u2019s own")
    with page.page.expect_response("**:explain") as asked:
        page.ask("Explain", ".fields.pair")
    (answer,) = asked.value.json()["explanations"]
    parts = answer["attributions"]
    assert page.find(".pair thead th").all_inner_texts() == ["record1", "record2"]
    assert page.find(".axis").count() == len(parts)
    left, right = (page.find(".pair tbody tr").first.locator(".value").nth(side).bounding_box() for side in (0, 1))
    assert left["y"] == right["y"]
    assert left["x"] < right["x"]
    for bar in page.find(".axis .for").all():
        axis = bar.locator("..").bounding_box()
        assert bar.bounding_box()["x"] == pytest.approx(axis["x"] + axis["width"] / 2, abs=1)
    for bar in page.find(".axis .against").all():
        axis, box = bar.locator("..").bounding_box(), bar.bounding_box()
        assert box["x"] + box["width"] == pytest.approx(axis["x"] + axis["width"] / 2, abs=1)


def test_a_record_has_its_fields_below_each_other(open_page):
    page = open_page("#/records/explain")
    page.ask("Explain", ".fields")
    names = [name.get_attribute("value") or name.input_value() for name in page.find(".row .key").all()]
    assert page.find(".fields .field-name").all_inner_texts() == names


def test_numbers_are_there_for_those_who_see_no_colours(open_page):
    page = open_page("#/texts/explain")
    page.ask("Explain", ".explanation")
    page.text("As numbers").click()
    words = page.find("p.text mark").all_inner_texts()
    assert page.find(".numbers tbody tr td:first-child").all_inner_texts() == words


def test_other_kinds_are_explained(open_page):
    page = open_page()
    for model in ("moods", "relations", "checkpoint"):
        page.visit(model, "explain")
        page.ask("Explain", ".explanation")
        assert page.find("mark").count() > 2
