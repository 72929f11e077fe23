"""Explanations as one HTML page, with nothing to load: for a browser, and for print.

Orange speaks for the label and blue against it (Okabe and Ito, 2008: told apart by every kind of colour vision); what
speaks against it is also underlined with dots, so that black and white will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby
from typing import Any

FOR, AGAINST = "230, 159, 0", "0, 114, 178"

STYLE = """
body { font: 16px/1.7 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
article { border-top: 1px solid #bbb; padding: .6rem 0; break-inside: avoid; }
h2 { font-size: 1rem; margin: .2rem 0; } h2 small { font-weight: normal; color: #444; }
table { border-collapse: collapse; } th { text-align: left; font-weight: 600; padding-right: 1rem; }
td, th { vertical-align: top; }
mark { color: inherit; padding: .1em .15em; border-radius: .2em; print-color-adjust: exact; }
mark.for { border-bottom: 2px solid rgb(230, 159, 0); } mark.against { border-bottom: 2px dotted rgb(0, 114, 178); }
p.note { color: #444; margin: .2rem 0; }
"""


def page(answers: Iterable[dict[str, Any]]) -> str:
    """Answers as `vitrine explain` writes them."""
    articles = "\n".join(_article(answer) for answer in answers)
    legend = (
        '<p class="note"><mark class="for">orange, underlined</mark> speaks for the label, '
        '<mark class="against">blue, dotted</mark> against it; the darker, the more.</p>'
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Explanations</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>Explanations</h1>{legend}\n{articles}\n</body></html>\n"
    )


def _article(answer: dict[str, Any]) -> str:
    title = f"<h2>{answer['instance'] + 1}. "
    if "error" in answer:
        return f'<article>{title}no explanation</h2><p class="note">{escape(answer["error"])}</p></article>'
    parts = answer["attributions"]
    most = max((abs(part["attribution"]) for part in parts), default=0.0) or 1.0
    rows = "".join(
        f"<tr><th>{escape(name)}</th><td>{_text(list(group), most)}</td></tr>"
        for name, group in groupby(parts, key=lambda part: part["field"])
    )
    how = f"{answer['score']:.3f} &middot; {escape(answer['method'])}"
    notes = "".join(f'<p class="note">{escape(warning)}</p>' for warning in answer["warnings"])
    return f"<article>{title}{escape(answer['target'])} <small>{how}</small></h2><table>{rows}</table>{notes}</article>"


def _text(parts: Sequence[dict[str, Any]], most: float) -> str:
    """Spaces where the caller's text has any."""
    written = ""
    end: int | None = None
    for part in parts:
        if written and (end is None or part["start"] is None or part["start"] > end):
            written += " "
        written += _mark(part, most)
        end = part["end"]
    return written


def _mark(part: dict[str, Any], most: float) -> str:
    value = part["attribution"]
    colour, kind = (FOR, "for") if value >= 0 else (AGAINST, "against")
    style = f"background: rgba({colour}, {0.85 * abs(value) / most:.3f})"
    return f'<mark class="{kind}" style="{style}" title="{value:+.4f}">{escape(part["text"])}</mark>'
