"""The load generator against a real server of a few lines."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from app.bench.client import whole_answer
from app.bench.comparison import read
from app.bench.expected import Expected
from app.bench.load import Load, Outcome, Timing, bursts, measure, requests_of

SERVER = """
import asyncio, json

async def handle(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r\\n")[0])
            (instance,) = json.loads(await reader.readexactly(length))["instances"]
            await asyncio.sleep(instance.get("seconds", 0))
            if instance.get("hang_up"):
                break
            body = json.dumps({"predictions": [{"label": instance["label"], "score": 0.75}]}).encode()
            status = instance.get("status", "200 OK")
            writer.write(b"HTTP/1.1 %s\\r\\nContent-Length: %d\\r\\n\\r\\n" % (status.encode(), len(body)))
            for part in (body[:7], body[7:]):
                await asyncio.sleep(0.001)
                writer.write(part)
    except asyncio.IncompleteReadError:
        pass
    writer.close()

async def main():
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    process.kill()
    process.wait()
    process.stdout.close()


def asked(url: str, instances: list[dict[str, object]], load: Load, seconds: float = 0.4) -> Outcome:
    expected = Expected([{"yes": 0.75, "no": 0.25}] * len(instances))
    requests = requests_of("/", instances, 1, lambda some: {"instances": some})
    return measure(url, requests, load, Timing(0.1, seconds), expected, read)


def test_a_closed_loop_keeps_as_many_requests_under_way_as_it_has_clients(url: str) -> None:
    slow = [{"label": "yes", "seconds": 0.02}] * 8
    one, many = asked(url, slow, Load(1)), asked(url, slow, Load(8))
    assert 0.02 < one.p50 / 1000 < 0.04
    assert many.rate > 4 * one.rate
    assert many.rate <= 8 / 0.02
    assert one.verdict.other_labels == many.verdict.other_labels == 0
    assert not one.errors
    assert one.cpu < 1


def test_an_open_loop_does_not_wait_for_answers(url: str) -> None:
    outcome = asked(url, [{"label": "yes", "seconds": 0.2}] * 8, Load(rate=200), seconds=1.0)
    assert 140 < outcome.rate < 270
    assert outcome.p50 >= 200


def test_wrong_answers_are_found(url: str) -> None:
    outcome = asked(url, [{"label": "yes"}, {"label": "no"}] * 4, Load(4))
    assert 0.3 < outcome.verdict.agreement < 0.7
    assert outcome.verdict.delta == 0.5


def test_failed_requests_are_errors_and_no_answers(url: str) -> None:
    outcome = asked(url, [{"label": "yes", "status": "503 Busy"}, {"label": "yes", "hang_up": True}], Load(2))
    assert set(outcome.errors) == {"status 503", "connection lost"}
    assert outcome.verdict.instances == 0
    assert outcome.rate == 0


def test_a_burst_is_sent_together_and_after_the_one_before(url: str) -> None:
    instances = [{"label": str(number), "seconds": 0.2 - 0.02 * number} for number in range(8)]
    started = time.perf_counter()
    seconds, bodies = bursts(url, requests_of("/", instances, 1, lambda some: {"instances": some}), 5)
    first, second = seconds
    assert 0.2 <= first < 0.8  # what its five would take one after the other
    assert second >= 0.1
    assert first + second < time.perf_counter() - started
    assert [json.loads(body)["predictions"][0]["label"] for body in bodies] == [str(number) for number in range(8)]


HEAD = b"HTTP/1.1 200 OK\r\nServer: x\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"content-length: 5\r\n\r\nwhole",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nwho\r\n2\r\nle\r\n0\r\n\r\n",
    ],
)
def test_an_answer_is_whole_once_its_last_byte_is_there(answer: bytes) -> None:
    assert whole_answer(answer) == (200, b"whole")
    assert all(whole_answer(answer[:length]) is None for length in range(len(answer)))
