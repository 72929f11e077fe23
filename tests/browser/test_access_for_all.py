"""Keyboard alone, small screens, both themes, and what axe-core says of each tab."""

import pytest

PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
TABS = {"Predict": ("Predict", ".prediction"), "Explain": ("Explain", ".explanation"), "Teach": ("Try it", ".report")}


@pytest.fixture(params=["light", "dark"])
def theme(request):
    return request.param


@pytest.mark.parametrize("model", ["texts", pytest.param("pairs", marks=pytest.mark.long)])
def test_axe_finds_nothing_wrong(open_page, theme, model):
    page = open_page(f"#/{model}/predict", color_scheme=theme)
    for tab, (button, answer) in TABS.items():
        page.tab(tab).click()
        page.button(button).wait_for()
        assert page.violations() == []
        if tab == "Teach":
            page.field("Label").fill("gardens")
        page.ask(button, answer)
        page.open_all()
        assert page.violations() == []


def test_axe_finds_nothing_wrong_with_errors_and_dialogs(open_page, theme):
    page = open_page("#/texts/predict", color_scheme=theme)
    page.field("instance").fill("")
    page.button("Shortcuts").click()
    assert page.violations() == []
    page.button("Close").click()
    page.field("tokens: written as").select_option("Fields")
    page.find(".row .key").first.fill("")
    page.ask("Predict", ".refusal, .prediction")
    assert page.violations() == []


def test_axe_finds_nothing_wrong_on_a_phone(open_page, theme):
    page = open_page("#/records/explain", color_scheme=theme, **PHONE)
    page.ask("Explain", ".explanation")
    assert page.violations() == []


def test_a_phone_does_not_scroll_sideways(open_page):
    page = open_page(**PHONE)
    for model in ("texts", "pairs", "relations"):
        page.visit(model, "predict")
        page.ask("Predict", ".prediction")
        assert page.beyond_the_edge() == []
        page.tab("Explain").click()
        page.ask("Explain", ".explanation")
        page.open_all()
        assert page.beyond_the_edge() == []
        page.tab("Teach").click()
        page.field("Label").fill("far longer than labels are, with averyverylongwordwithoutanyspaces")
        page.ask("Try it", ".report")
        page.open_all()
        assert page.beyond_the_edge() == []


def test_all_can_be_done_by_keyboard(open_page):
    page = open_page("#/records/predict")
    page.tab("Predict").wait_for()
    press, becomes = page.page.keyboard.press, page.page.wait_for_function
    press("Tab")
    becomes("document.activeElement.textContent === 'Skip to the model'")
    press("k")
    page.find("h1").get_by_text("pairs").wait_for()
    press("j")
    page.find("h1").get_by_text("records").wait_for()
    page.button("Predict").wait_for()
    press("i")
    becomes("document.activeElement.matches('input, textarea')")
    page.page.keyboard.type("j2")
    becomes("document.activeElement.value.endsWith('j2')")
    press("Control+Enter")
    page.find(".prediction").wait_for()
    press("Shift+Tab")
    page.tab("Predict").focus()
    press("ArrowRight")
    page.page.get_by_role("tab", name="Explain", selected=True).wait_for()
    becomes("document.activeElement.textContent === 'Explain'")
    press("Control+Enter")
    page.find(".explanation").wait_for()
    press("3")
    page.find(".versions").wait_for()
    press("?")
    page.find("dialog[open]").get_by_text("Another theme").wait_for()
    press("Escape")
    press("t")
    becomes("document.documentElement.dataset.theme === 'light'")


def test_single_keys_can_be_switched_off(open_page):
    page = open_page("#/records/predict")
    page.button("Shortcuts").click()
    page.page.get_by_label("Single keys work").uncheck()
    page.button("Close").click()
    page.page.keyboard.press("2")
    page.page.keyboard.press("Control+Enter")
    page.find(".prediction").wait_for()
    assert page.page.get_by_role("tab", selected=True).inner_text() == "Predict"


def test_the_focus_is_seen(open_page):
    page = open_page("#/texts/predict")
    page.button("Predict").wait_for()
    for _ in range(25):
        page.page.keyboard.press("Tab")
        width = page.page.evaluate(
            """() => { const focused = document.activeElement; const shown = focused.closest("label") || focused;
                       return [focused, shown].some((one) => parseFloat(getComputedStyle(one).outlineWidth) >= 2
                           && getComputedStyle(one).outlineStyle !== "none") || focused === document.body }"""
        )
        assert width, page.page.evaluate("document.activeElement.outerHTML")


def test_a_chosen_theme_holds_over_the_systems(open_page):
    page = open_page("#/texts/predict", color_scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.page.evaluate(background)
    page.button("Theme").click()
    light = page.page.evaluate(background)
    assert light != dark
    page.page.reload()
    assert page.page.evaluate(background) == light


def test_nothing_jumps(open_page):
    page = open_page("#/texts/predict")
    page.ask("Predict", ".prediction")
    page.tab("Explain").click()
    page.ask("Explain", ".explanation")
    page.page.wait_for_timeout(2500)
    assert page.page.evaluate("window.shift") < 0.02
