import json
import subprocess

import pytest

LABELS = 3


def test_a_text_is_predicted_with_a_bar_for_each_label(open_page, server):
    page = open_page("#/texts/predict")
    page.field("instance").fill("red cotton t-shirt for running, size M")
    page.ask("Predict", ".prediction")
    with server.client() as client:
        body = {"instances": ["red cotton t-shirt for running, size M"]}
        (prediction,) = client.post("/v1/models/texts:predict", json=body).json()["predictions"]
    assert page.find(".bars .label").all_inner_texts() == [one["label"] for one in prediction["scores"]]
    assert page.find(".bars .number").first.inner_text() == f"{100 * prediction['score']:.1f}\u202f%"
    widths = [bar.bounding_box()["width"] for bar in page.find(".bars .filled").all()]
    track = page.find(".bars .track").first.bounding_box()["width"]
    assert widths == pytest.approx([max(one["score"] * track, 1) for one in prediction["scores"]], abs=1)
    assert page.find(".state").first.inner_text().startswith(f"{prediction['label']}, ")


def test_several_instances_logits_and_the_best_only(open_page):
    page = open_page("#/texts/predict")
    page.button("Add an instance").click()
    page.field("instance").last.fill("a wooden chair")
    page.field("Show").select_option("The best")
    page.field("Logits").check()
    page.ask("Predict", ".prediction")
    assert page.find(".prediction").count() == 2
    assert page.find(".bars li").count() == 2
    assert page.find(".bars .logit").count() == 2
    page.button("Remove this instance").first.click()
    assert page.field("instance").input_value() == "a wooden chair"


def test_a_label_set_of_many_is_judged_label_by_label(open_page):
    page = open_page("#/moods/predict")
    page.ask("Predict", ".prediction")
    assert page.find(".placard .origin").inner_text().count("several labels at once") == 1


def test_the_example_of_every_kind_of_model_is_answered(open_page):
    page = open_page()
    for model in ("texts", "moods", "records", "pairs", "relations", "checkpoint"):
        page.visit(model, "predict")
        page.ask("Predict", ".prediction")
        assert page.find(".refusal").count() == 0


def test_the_fields_of_a_record_come_and_go(open_page):
    page = open_page("#/records/predict")
    page.button("Add a field").click()
    page.find(".row .key").last.fill("colour")
    page.find(".row textarea").last.fill("teal")
    page.button("Remove row 1").click()
    with page.page.expect_request("**/v1/models/records:predict") as asked:
        page.ask("Predict", ".prediction")
    (instance,) = asked.value.post_data_json["instances"]
    assert instance["tokens"].pop("colour") == "teal"
    assert len(instance["tokens"]) == 1


def test_an_input_changes_its_shape(open_page):
    page = open_page("#/texts/predict")
    page.field("instance").fill("one, two")
    page.field("tokens: written as").select_option("Fields")
    with page.page.expect_request("**/v1/models/texts:predict") as asked:
        page.ask("Predict", ".prediction")
    assert asked.value.post_data_json["instances"] == [{"tokens": {"text": "one, two"}}]


def test_an_optional_input_is_left_out_until_it_is_filled(open_page):
    page = open_page("#/checkpoint/predict")
    with page.page.expect_request("**/v1/models/checkpoint:predict") as asked:
        page.ask("Predict", ".prediction")
    assert [type(one) for one in asked.value.post_data_json["instances"]] == [str]
    page.field("text_pair").fill("On Saturday, rather.")
    with page.page.expect_request("**/v1/models/checkpoint:predict") as asked:
        page.button("Predict").click()
    assert set(asked.value.post_data_json["instances"][0]) == {"text", "text_pair"}


def test_a_refused_instance_says_so_where_it_stands(open_page):
    page = open_page("#/relations/predict")
    page.field("text").fill("")
    page.ask("Predict", ".refusal")
    assert page.find(".instance .complaint").inner_text() in page.find(".refusal").inner_text()
    page.field("entities").fill("[no JSON")
    page.button("Predict").click()
    page.text("entities is not JSON that can be read.").first.wait_for()
    page.text("The same with curl").click()
    assert page.find(".curl code").text_content().startswith("# The form holds")


def test_the_curl_line_gives_the_same_answer(open_page, server):
    page = open_page("#/texts/predict")
    page.field("instance").fill('it\'s "quoted" $HOME `ls` \\ für 20 €')
    page.field("Show").select_option("The best 3")
    page.ask("Predict", ".prediction")
    page.text("The same with curl").click()
    page.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.button("Copy").click()
    page.button("Copied").wait_for()
    line = page.page.evaluate("navigator.clipboard.readText()")
    answer = json.loads(subprocess.run(["bash", "-c", line], capture_output=True, check=True, text=True).stdout)
    assert answer["predictions"][0]["label"] == page.find(".said bdi").inner_text()
    assert len(answer["predictions"][0]["scores"]) == page.find(".bars li").count() == LABELS
