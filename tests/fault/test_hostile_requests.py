"""Requests made to break the parser, the featurizers, the event loop or the memory: never a 5xx."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import seed as reproducible
from hypothesis import strategies as st

from tests.fault.resident import resident
from tests.service.process import ServerProcess

pytestmark = pytest.mark.anyio

MiB = 1 << 20
WORST = {
    "one word": "a", "words": "a ", "dots": ".", "brackets": "(", "emoji": "😀", "hyphens": "a-", "URLs": "http://a.b/",
    "combining": "e\u0301\u0301", "apostrophes": "'s ", "numbers": "1,", "mixed": "I'm U.S. $1.5m:-) ", "NUL": "\0",
    "line ends": "\n", "CJK": "日本", "markup": "<b>&amp;", "wide": "İ", "format": "\u200b\u202e", "last": "\U0010ffff",
}  # fmt: skip


def url_of(name: str, verb: str = "predict") -> str:
    return f"/v1/models/{name}:{verb}"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=60),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
INPUTS = ["text", "sentence", "tokens", "document", "record", "record1", "record2", "text_pair", "entities", "label"]
instances = st.lists(
    st.text(max_size=200) | json_values | st.dictionaries(st.sampled_from(INPUTS), json_values, max_size=4), max_size=4
)
PARAMETERS = ["top_k", "logits", "truncate", "deadline_ms", "priority", "method", "target", "n_steps", "baseline", "x"]
PARAMETER_VALUES = json_values | st.sampled_from(["all", "auto", "pad", "zero", "saliency", "bulk", "occlusion"])
parameters = st.dictionaries(st.sampled_from(PARAMETERS), PARAMETER_VALUES, max_size=3)
bodies = st.fixed_dictionaries({"instances": instances}, optional={"parameters": parameters, "more": json_values})


def damaged(body: bytes, draw: Any) -> bytes:
    """A body with some bytes of it exchanged, left out or repeated."""
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(st.binary(max_size=4)) + body[place + draw(st.integers(0, 8)) :]
    return body


def fuzz(archives_server: ServerProcess, names: list[str], examples: int, seed: int) -> dict[int, int]:
    """How many answers of each status."""
    answered: dict[int, int] = {}

    with archives_server.client() as client:

        @reproducible(seed)
        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(data=st.data(), name=st.sampled_from(names), verb=st.sampled_from(["predict", "explain"]), body=bodies)
        def one(data: Any, name: str, verb: str, body: Any) -> None:
            content = damaged(
                json.dumps(body, allow_nan=True, ensure_ascii=False).encode(errors="surrogatepass"), data.draw
            )
            answer = client.post(url_of(name, verb), content=content)
            assert answer.status_code < 500 or answer.json()["code"] == "deadline_exceeded", (
                name,
                content,
                answer.text,
            )
            answered[answer.status_code] = answered.get(answer.status_code, 0) + 1

        one()
    return answered


def test_no_body_breaks_the_service(archives_server: ServerProcess, names: list[str]) -> None:
    answered = fuzz(archives_server, names, examples=300, seed=1)
    assert {200, 400, 422} <= answered.keys(), answered


@pytest.mark.long
def test_no_body_of_many_breaks_the_service(archives_server: ServerProcess, names: list[str]) -> None:
    assert sum(fuzz(archives_server, names, examples=20_000, seed=2).values()) >= 10_000


def deep(levels: int) -> bytes:
    return b'{"instances": [{"text": ' + b"[" * levels + b"]" * levels + b"}]}"


FULL = 8 * MiB - 100
BODIES: dict[str, tuple[bytes, int]] = {
    "10 MB of one word": (b'{"instances": ["' + b"a" * (10 * MiB) + b'"]}', 413),
    "8 MB of one word": (b'{"instances": ["' + b"a" * FULL + b'"]}', 422),
    "8 MB of empty lists": (b'{"instances": [' + b"[]," * (FULL // 3) + b"[]]}", 413),
    "8 MB of empty objects": (b'{"instances": [{"text": [' + b"{}," * (FULL // 3) + b"{}]}]}", 413),
    "8 MB of numbers": (b'{"instances": [{"text": [' + b"1," * (FULL // 2) + b"1]}]}", 413),
    "8 MB of names": (b'{"instances": [{' + b",".join(b'"%d":0' % n for n in range(600_000)) + b"}]}", 413),
    "just few enough lists": (b'{"instances": [{"text": [' + b"[]," * 240_000 + b"[]]}]}", 422),
    "8 MB of spaces": (b" " * FULL, 400),
    "deep list": (deep(2_000_000), 413),
    "deep list within reason": (deep(200_000), 400),
    "as deep as JSON may be": (deep(1_000), 422),
    "deeper than any instance": (deep(100), 422),
    "number of a million digits": (b'{"instances": [' + b"9" * 1_000_000 + b"]}", 400),
    "huge exponent": (b'{"instances": [1e999999999]}', 400),
    "lone surrogate": (b'{"instances": ["\\ud800"]}', 400),
    "lone surrogate in a name": (b'{"instances": [{"\\udc00": "a"}]}', 400),
    "raw NUL": (b'{"instances": ["a\x00b"]}', 400),
    "invalid UTF-8": (b'{"instances": ["\xc0\xaf\xed\xa0\x80\xff"]}', 400),
    "overlong UTF-8": (b'{"instances": ["\xf0\x82\x82\xac"]}', 400),
    "the same name twice": (b'{"instances": ["a"], "instances": 1}', 422),
    "nothing": (b"", 400),
    "gzip": (gzip.compress(b'{"instances": ["a"]}'), 400),
    "a million instances": (b'{"instances": [' + b'"a",' * 400_000 + b'"a"]}', 413),
}


@pytest.mark.parametrize("verb", ["predict", "explain"])
@pytest.mark.parametrize("body", BODIES)
def test_bodies_without_reason_are_refused(
    archives_server: ServerProcess, names: list[str], body: str, verb: str
) -> None:
    content, status = BODIES[body]
    with archives_server.client() as client:
        for name in names[:1] if len(content) > MiB else names[::4]:
            answer = client.post(url_of(name, verb), content=content)
            assert answer.status_code == status, (name, answer.text[:300])
            assert len(answer.content) < 4096


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "gzip, gzip", "x-gzip"])
def test_bombs_are_not_unpacked(archives_server: ServerProcess, names: list[str], encoding: str) -> None:
    bomb = gzip.compress(bytes(512 * MiB), 1)[: 7 * MiB]
    with archives_server.client() as client:
        before = resident(archives_server)
        answer = client.post(url_of(names[0]), content=bomb, headers={"content-encoding": encoding})
        assert answer.status_code == 415
        assert resident(archives_server) - before < 32 * MiB


def lag(client: httpx.Client) -> tuple[float, float]:
    """Probes of the event loop that were less than 50 ms late, and all."""
    text = client.get("/metrics").text
    within = re.search(r'vitrine_event_loop_lag_seconds_bucket\{le="0.05"\} (.+)', text)
    every = re.search(r"vitrine_event_loop_lag_seconds_count (.+)", text)
    assert within
    assert every
    return float(within[1]), float(every[1])


def filled(value: Any, text: str) -> Any:
    """The example of a model with `text` for its first string."""
    if isinstance(value, str):
        return text
    if isinstance(value, list):
        return [filled(value[0], text), *value[1:]] if value else [text]
    if isinstance(value, dict):
        first = next(iter(value))
        return {**value, first: filled(value[first], text)}
    return value


async def ask_the_worst(archives_server: ServerProcess, names: list[str], chars: int, patterns: list[str]) -> None:
    async with httpx.AsyncClient(base_url=archives_server.url, timeout=60) as client:

        async def clients_turn(share: list[str]) -> None:
            for name in share:
                example = (await client.get(f"/v1/models/{name}")).json()["example"]
                for pattern in patterns:
                    text = (WORST[pattern] * (chars // len(WORST[pattern])))[:chars]
                    answer = await client.post(url_of(name), json={"instances": [filled(example, text)]})
                    assert answer.status_code in {200, 422}, (name, pattern, answer.status_code, answer.text[:200])

        shuffled = random.Random(1).sample(names, len(names))
        await asyncio.gather(*(clients_turn(shuffled[first::2]) for first in range(2)))


async def check_worst(archives_server: ServerProcess, names: list[str], patterns: list[str]) -> None:
    with archives_server.client() as probe:
        before, grown = lag(probe), resident(archives_server)
        await ask_the_worst(archives_server, names, 99_000, patterns)
        within, every = (after - first for after, first in zip(lag(probe), before, strict=True))
    assert every > 50
    assert within / every >= 0.99, (within, every)
    assert resident(archives_server, "VmHWM") - grown < 600 * MiB


async def test_the_worst_legal_texts_do_not_stall_the_loop(archives_server: ServerProcess, names: list[str]) -> None:
    await check_worst(archives_server, [name for name in names if "ptm" not in name][::4], ["words", "dots", "mixed"])


@pytest.mark.long
async def test_no_worst_legal_text_stalls_the_loop(archives_server: ServerProcess, names: list[str]) -> None:
    await check_worst(archives_server, names, list(WORST))
