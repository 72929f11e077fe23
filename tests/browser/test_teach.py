"""Labels are taught from the page, and taken back."""

import pytest

SHEDS = "\n".join(f"{name} {kind}" for name in ("Oak", "Hill", "Castle") for kind in ("Sheds", "Fences Ltd", "Gates"))
ANIMALS = ("Vets", "Kennels", "Cattery")


@pytest.fixture
def teachable(open_page, server):
    yield open_page("#/texts/teach")
    with server.client() as client:
        client.post("/v1/models/texts/versions/1:activate")


@pytest.fixture
def labels(server):
    with server.client() as client:
        return client.get("/v1/models/texts").json()["labels"]


def fill_in(page, label="gardens", examples=SHEDS, number=0):
    page.field("Label").nth(number).fill(label)
    page.field("Examples, one a line").nth(number).fill(examples)


def key_field(page):
    return page.page.get_by_role("textbox", name="Key")


def test_trying_reports_and_changes_nothing(teachable, labels):
    page = teachable
    fill_in(page)
    versions = page.find(".versions li").count()
    report = page.ask("Try it", ".report")
    assert "Would learn gardens" in report.inner_text()
    assert page.find(".report .numbers tbody tr").count() == 1
    assert page.find(".versions li").count() == versions
    assert page.find(".placard .labels li").all_inner_texts() == labels


def test_a_label_is_taught_and_taken_back(teachable, labels):
    page = teachable
    fill_in(page)
    page.button("Add a label").click()
    fill_in(page, labels[0], "The Golden Bakery & Sons\nOld Mill Bread", 1)
    assert page.find(".badge").all_inner_texts()[:2] == ["new label \u00b7 9", "old label \u00b7 2"]
    page.field("Reason, for the record").fill("spring is near")
    page.ask("Teach it", ".changes")
    assert "\u2192" in page.find(".report .facts").inner_text()
    rows = page.find(".changes tbody tr")
    assert rows.count() == 11
    assert rows.first.locator("td").nth(1).inner_text().split()[0] in labels
    assert rows.first.locator("td").nth(2).inner_text().split()[0] == "gardens"
    assert page.find(".placard .labels li").all_inner_texts() == [*labels, "gardens"]
    assert "spring is near" in page.find(".versions .active").inner_text()

    page.tab("Predict").click()
    page.field("instance").fill("Oak Fences Ltd")
    page.ask("Predict", ".prediction")
    assert page.find(".said bdi").inner_text() == "gardens"

    page.tab("Teach").click()
    page.button("Use version 1").click()
    page.find(".versions .active").get_by_text("As it came").wait_for()
    assert page.find(".placard .labels li").all_inner_texts() == labels
    page.tab("Explain").click()
    assert "gardens" not in page.field("What speaks for").inner_text()


def test_what_cannot_be_taught_is_said(teachable, labels):
    page = teachable
    page.ask("Try it", ".refusal")
    fill_in(page, labels[0], "a\nb")
    with page.page.expect_response("**/labels"):
        page.button("Try it").click()
    assert "labels" in page.find(".refusal").inner_text()


def test_another_hand_that_was_faster_is_noticed(teachable, labels):
    page = teachable
    fill_in(page)
    page.page.context.route("**/v1/models/texts/labels", _with_older_etag)
    page.ask("Teach it", ".refusal")
    assert "version" in page.find(".refusal").inner_text()
    assert page.find(".placard .labels li").count() == len(labels)


def _with_older_etag(route):
    changed = {"if-match": '"9-other"'} if route.request.method == "POST" else {}
    route.continue_(headers={**route.request.headers, **changed})


def test_records_are_taught_from_the_form(open_page):
    page = open_page("#/records/teach")
    page.text("Make an example with the form").click()
    page.button("Add to the last label").click()
    lines = page.field("Examples, one a line").input_value()
    assert lines.startswith('{"tokens":{')
    page.field("Label").fill("odd things")
    page.field("Examples, one a line").fill(f"{lines}\n{{broken")
    page.ask("Try it", ".refusal")
    assert "not JSON" in page.find(".refusal").inner_text()
    page.field("Examples, one a line").fill(lines)
    assert "Would learn odd things" in page.ask("Try it", ".report").inner_text()


def test_a_server_that_nobody_may_change_says_so(open_page, tiny):
    page = open_page("#/mood/teach", url=tiny)
    fill_in(page)
    page.ask("Try it", ".refusal")
    assert "Nobody may change models here" in page.find(".refusal").inner_text()


@pytest.mark.long
def test_a_key_is_asked_for_and_kept_in_memory_only(open_page, serve, tiny_store):
    page = open_page("#/mood/teach", url=serve(tiny_store, admin_keys="right-key-of-the-test", require_key=True))
    page.button("Enter a key").click()
    key_field(page).fill("right-key-of-the-test")
    page.button("Use it").click()
    fill_in(page, "another", "")
    assert "Would learn another" in page.ask("Try it", ".report").inner_text()
    page.text("The same with curl").click()
    assert "$VITRINE_KEY" in page.find(".curl code").text_content()
    assert "right-key" not in page.page.content()
    kept = page.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "right-key" not in kept
    page.page.reload()
    page.button("Enter a key").wait_for()


def test_a_wrong_key_is_asked_for_again_and_the_request_goes_on_with_the_right_one(open_page, serve, tiny_store):
    page = open_page("#/mood/teach", url=serve(tiny_store, admin_keys="right-key-of-the-test"))
    fill_in(page, "good", "a fine day")
    page.button("Try it").click()
    for key in ("wrong", "right-key-of-the-test"):
        key_field(page).fill(key)
        with page.page.expect_response("**/labels"):
            page.button("Use it").click()
    page.find(".refusal").get_by_text("labels").wait_for()
