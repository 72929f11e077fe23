"""Explanations as one HTML page, with nothing to load: for a browser, and for print."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from app.explain_colours import css, opacity
from app.explain_picture import Cell, Mark, Picture

STYLE = (
    css()
    + """
* { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
body { font: 16px/1.7 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #111; }
article { border-top: 1px solid #bbb; padding: .6rem 0; break-inside: avoid; }
h2 { font-size: 1rem; margin: .2rem 0; } h2 small { font-weight: normal; color: #444; }
table { border-collapse: collapse; } table.pair { width: 100%; table-layout: fixed; }
col.name { width: 10%; } col.none { width: 0; } col.bar { width: 11rem; }
td, th { vertical-align: top; text-align: left; padding: .1rem 1rem .1rem 0; overflow-wrap: anywhere; }
th { font-weight: 600; overflow-wrap: break-word; } thead th { border-bottom: 1px solid #ddd; }
mark { color: inherit; background: none; padding: .1em 0; border-radius: .2em; }
mark.added { font-style: italic; }
mark.for { border-bottom: 2px solid rgb(var(--for)); }
mark.against { border-bottom: 2px dotted rgb(var(--against)); }
.bar { white-space: nowrap; font-variant-numeric: tabular-nums; }
.track { display: inline-block; position: relative; width: 5rem; height: .9em; margin-right: .4rem;
  vertical-align: -.1em; background: linear-gradient(#777, #777) center / 1px 100% no-repeat; }
.track i { position: absolute; top: 0; bottom: 0; border: 1px solid #333; box-sizing: border-box; }
.track i.for { left: 50%; background: rgb(var(--for)); }
.track i.against { right: 50%; background: repeating-linear-gradient(135deg, rgb(var(--against)) 0 3px, #fff 3px 5px); }
p.note { color: #444; margin: .2rem 0; }
"""
)
LEGEND = {
    False: '<mark class="for">orange, underlined</mark> speaks for the label, '
    '<mark class="against">blue, dotted</mark> against it; the darker, the more.',
    True: "Bars to the right (orange) speak for the label, to the left (blue, hatched) against it.",
}


def page(pictures: Iterable[Picture]) -> str:
    drawn = list(pictures)
    kinds = sorted({one.bars for one in drawn if one.rows})
    legends = "".join(f'<p class="note">{LEGEND[kind]}</p>' for kind in kinds)
    articles = "\n".join(map(_article, drawn))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Explanations</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>Explanations</h1>{legends}\n{articles}\n</body></html>\n"
    )


def _article(drawn: Picture) -> str:
    notes = "".join(f'<p class="note">{escape(note)}</p>' for note in drawn.notes)
    title = f"<h2>{escape(drawn.title)} <small>{escape(drawn.how)}</small></h2>"
    return f"<article>{title}{_table(drawn) if drawn.rows else ''}{notes}</article>"


def _table(drawn: Picture) -> str:
    kind = ' class="pair"' if drawn.columns else ""
    names = "name" if any(cell.name for row in drawn.rows for cell in row if cell) else "none"
    widths = f'<col class="{names}"><col>' + '<col class="bar">' * drawn.bars
    rows = "".join(f"<tr>{''.join(_cell(cell, bars=drawn.bars) for cell in row)}</tr>" for row in drawn.rows)
    return f"<table{kind}>{widths * len(drawn.columns)}{_head(drawn)}<tbody>{rows}</tbody></table>"


def _head(drawn: Picture) -> str:
    span = 3 if drawn.bars else 2
    heads = "".join(f'<th colspan="{span}" scope="colgroup">{escape(name)}</th>' for name in drawn.columns)
    return f"<thead><tr>{heads}</tr></thead>" if heads else ""


def _cell(cell: Cell | None, *, bars: bool) -> str:
    if cell is None:
        return "<td></td>" * (3 if bars else 2)
    name = f'<th scope="row">{escape(cell.name)}</th>'
    if bars:
        (mark,) = cell.marks
        return f'{name}<td>{escape(mark.text)}</td><td class="bar">{_bar(mark)}</td>'
    return f"{name}<td>{''.join(map(_mark, cell.marks))}</td>"


def _bar(mark: Mark) -> str:
    filled = f'<i class="{mark.side}" style="width: {50 * mark.share:.1f}%"></i>' if mark.value else ""
    return f'<span class="track">{filled}</span>{mark.number}'


def _mark(mark: Mark) -> str:
    space = " " if mark.spaced else ""
    kinds = mark.side + " added" * mark.added
    style = f' style="background: rgba(var(--{mark.side}), {opacity(mark.share):.3f})"' if mark.value else ""
    return f'{space}<mark class="{kinds}"{style} title="{mark.value:+.4f}">{escape(mark.text)}</mark>'
