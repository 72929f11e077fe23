"""The commands on the pages: lines of indented or fenced blocks that a reader would type."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), ROOT / "benchmarks" / "README.md", *ROOT.glob("docs/**/*.md")])
PROGRAMS = r"make|vitrine|docker|kubectl|helm|curl|pip|npm|python|bash|sh|echo|tritonclient"
STARTS = re.compile(rf"(\$ )?([A-Z_]+=\S+ )*(\.venv/bin/)?({PROGRAMS}|(\.venv|build/ray)/bin/[\w-]+)\s")
REMARK = re.compile(r"\s{2,}# .*")


class Command(NamedTuple):
    page: str
    line: str
    """Without its prompt, its remark and its line breaks."""


def commands(page: Path) -> Iterator[Command]:
    name = str(page.relative_to(ROOT))
    for block in blocks(page.read_text()):
        lines = iter(block.splitlines())
        for line in lines:
            if STARTS.match(f"{line} "):
                yield Command(name, _whole(line, lines).removeprefix("$ "))


def _whole(line: str, more: Iterator[str]) -> str:
    """The line with those that continue it: after a backslash, or until a quote is closed."""
    line = REMARK.sub("", line)
    while line.endswith("\\") or line.count("'") % 2:
        line = f"{line.removesuffix(chr(92)).rstrip()} {REMARK.sub('', next(more)).strip()}"
    return line.strip()


def blocks(text: str) -> Iterator[str]:
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        if language in {"", "bash", "sh", "shell", "console"}:
            yield block
    bare = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for block in re.findall(r"(?:^|\n\n)((?: {4}.*\n|\n(?= {4}))+)", bare):
        yield textwrap.dedent(block)
