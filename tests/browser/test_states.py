"""What is shown where there is nothing to work with, and what an address leads to."""

import httpx
import pytest

from tests.service.process import running
from tests.service.tiny import write_tiny


def test_an_empty_store_says_what_to_do(open_page, serve, tmp_path):
    page = open_page("", url=serve(tmp_path))
    assert page.find("h1").inner_text() == "An empty case"
    assert "vitrine serve" in page.find("pre").inner_text()
    assert page.violations() == []


def test_a_model_that_failed_says_why(open_page, tiny):
    page = open_page("#/broken/predict", url=tiny)
    reason = httpx.get(f"{tiny}/v1/models/broken").json()["reason"]
    assert page.find(".refusal").inner_text() == reason
    assert page.violations() == []
    page.page.get_by_role("link", name="mood").click()
    page.ask("Predict", ".prediction")


@pytest.mark.long
def test_a_model_that_was_unloaded_says_so(open_page, serve, tiny_store):
    url = serve(tiny_store, allow_unauthenticated_admin=True)
    assert httpx.post(f"{url}/v2/repository/models/mood/unload").status_code == 200
    page = open_page("#/mood/predict", url=url)
    page.text("This model was unloaded.").wait_for()
    assert page.violations() == []


def test_a_model_that_is_loading_is_waited_for_and_a_server_that_goes_away_is_missed(open_page, tmp_path):
    write_tiny(tmp_path, "mood", labels=["good", "bad"], load_seconds=4)
    with running(tmp_path, loaded=False) as server:
        page = open_page("#/mood/predict", url=server.url)
        page.text("It is being loaded").wait_for()
        assert page.violations() == []
        page.ask("Predict", ".prediction")
    page.ask("Predict", ".refusal")
    assert "does not answer" in page.find(".refusal").inner_text()
    page.page.context.close()
    page.trouble = [one for one in page.trouble if "ERR_CONNECTION" not in one]


@pytest.mark.parametrize(
    ("address", "model", "tab"),
    [
        ("", "checkpoint", "Predict"),
        ("#/texts", "texts", "Predict"),
        ("#/records/explain", "records", "Explain"),
    ],
)
def test_an_address_leads_to_a_model_and_a_tab(open_page, address, model, tab):
    page = open_page(address)
    page.tab(tab).wait_for()
    assert page.find("h1").inner_text() == model
    assert page.page.get_by_role("tab", selected=True).inner_text() == tab
    assert page.page.get_by_role("link", name=model).get_attribute("aria-current") == "page"
    assert page.page.title().startswith(model)


def test_an_unknown_model_is_said_to_be_unknown(open_page):
    page = open_page("#/nothing/predict")
    page.text("There is no model named nothing here.").wait_for()


def test_the_way_back_is_the_browsers_and_what_was_typed_stays(open_page):
    page = open_page("#/texts/predict")
    page.field("instance").fill("Castle Solicitors")
    page.tab("Explain").click()
    assert page.field("instance").input_value() == "Castle Solicitors"
    page.page.get_by_role("link", name="records").click()
    page.find(
        "h1",
    ).get_by_text("records").wait_for()
    assert page.page.url.endswith("#/records/explain")
    page.page.go_back()
    page.find("h1").get_by_text("texts").wait_for()
    assert page.field("instance").input_value() == "Castle Solicitors"
    page.page.go_back()
    assert page.page.get_by_role("tab", selected=True).inner_text() == "Predict"
