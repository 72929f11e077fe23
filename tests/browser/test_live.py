"""Live figures, from the same text that Prometheus reads."""

import pytest

METRICS = """# HELP a_seconds about
# TYPE a_seconds histogram
a_seconds_bucket{le="0.1",route="/v1/models/{name}:predict"} 4
a_seconds_bucket{le="0.2",route="/v1/models/{name}:predict"} 8
a_seconds_bucket{le="+Inf",route="/v1/models/{name}:predict"} 8
a_seconds_sum{route="/v1/models/{name}:predict"} 1.5e-1 1712345678
b{text="a \\"quoted\\" back\\\\slash, and }"} -Inf
c 3
"""


def test_figures_follow_what_is_asked(open_page):
    page = open_page("#/texts/predict")
    numbers = page.find(".spark .number:not(.hint)")
    page.field("instance").fill("Blue Noodle Bar")
    assert numbers.first.inner_text() == "\u2013"
    for _ in range(3):
        page.ask("Predict", ".prediction")
        page.page.wait_for_timeout(800)
    page.find(".spark .number").get_by_text("ms").first.wait_for()
    batch, queue, latency = numbers.all_inner_texts()
    assert float(batch) >= 1
    assert queue == "0"
    assert latency.endswith("ms")
    # Not looked for among what is visible: a single bar is a line without width, which counts as hidden.
    assert "V" in page.page.locator(".spark-bars").first.get_attribute("d")


def test_metrics_on_another_port_are_missed_in_words(open_page):
    page = open_page("#/texts/predict")
    page.page.context.route("**/metrics", lambda route: route.fulfill(status=404, body=""))
    page.find(".live").get_by_text("This server shows no metrics here.").wait_for()


@pytest.fixture
def parsed(open_page):
    page = open_page()
    source = page.page.locator("script[type=module]").get_attribute("src").replace("main.js", "prometheus.js")
    return lambda expression: page.page.evaluate(
        f"([url, text]) => import(url).then((one) => {{ const samples = one.parse(text); return {expression} }})",
        [f"{page.url}/{source}", METRICS],
    )


def test_the_text_format_is_read(parsed):
    assert parsed("samples.length") == 6
    assert parsed("samples[4]") == {
        "name": "b",
        "labels": {"text": 'a "quoted" back\\slash, and }'},
        "value": float("-inf"),
    }
    assert parsed("one.total(samples, 'c')") == 3
    assert parsed("[...one.buckets(samples, 'a_seconds').values()]") == [4, 8, 8]


def test_quantiles_are_those_of_what_came_in_between(parsed):
    assert parsed("one.quantile(new Map(), one.buckets(samples, 'a_seconds'), 0.5)") == pytest.approx(0.1)
    assert parsed("one.quantile(new Map(), one.buckets(samples, 'a_seconds'), 0.75)") == pytest.approx(0.15)
    assert parsed(
        "one.quantile(new Map([[0.1, 4], [0.2, 4], [Infinity, 4]]), one.buckets(samples, 'a_seconds'), 0.5)"
    ) == pytest.approx(0.15)
    assert parsed("one.quantile(one.buckets(samples, 'a_seconds'), one.buckets(samples, 'a_seconds'), 0.5)") is None
