"""The gate lets in what fits, in the order of arrival, and loses nobody."""

import asyncio

import pytest

from app.slice_gate import ALONE_S, ALONE_SLICES, BESIDE_PREDICTIONS_S, LULL_S, SliceGate

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def test_no_more_than_allowed_and_in_order() -> None:
    gate, inside, most, order = SliceGate(), 0.0, 0.0, []

    async def slice_of(number: int, seconds: float) -> None:
        nonlocal inside, most
        async with gate.hold(seconds * gate.allowed):
            order.append(number)
            inside += seconds
            most = max(most, inside)
            await asyncio.sleep(0.001)
            inside -= seconds

    await asyncio.gather(*(slice_of(number, 0.4) for number in range(20)))
    assert order == list(range(20))
    assert 0.4 < most <= 1.0


async def test_what_is_longer_than_allowed_goes_alone() -> None:
    gate = SliceGate()
    async with asyncio.timeout(1), gate.hold(5.0):
        other = asyncio.create_task(_pass(gate))
        await asyncio.sleep(0.01)
        assert not other.done()
    await other


async def test_who_gives_up_does_not_stand_in_the_way() -> None:
    gate = SliceGate()
    async with gate.hold(1.0):
        gone, last = asyncio.create_task(_pass(gate)), asyncio.create_task(_pass(gate))
        await asyncio.sleep(0)
        gone.cancel()
    async with asyncio.timeout(1):
        await last
    assert gone.cancelled()


async def _pass(gate: SliceGate) -> None:
    async with gate.hold(0.9):
        pass


def test_beside_predictions_less_is_under_way_at_once() -> None:
    since = 0.0
    gate = SliceGate(lambda: since)
    assert gate.slice_s == BESIDE_PREDICTIONS_S
    since = LULL_S + 0.1
    assert gate.slice_s == ALONE_S


@pytest.mark.parametrize(("cores", "slices"), [(1, 2), (2, 2), (16, 16)])
def test_every_core_has_a_slice(cores: int, slices: int) -> None:
    since = 0.0
    gate = SliceGate(lambda: since, cores=cores)
    assert gate.allowed == slices * gate.slice_s
    since = LULL_S + 0.1
    assert gate.allowed == slices * gate.slice_s * ALONE_SLICES


async def test_room_is_spared_for_others() -> None:
    since = LULL_S + 0.1
    gate = SliceGate(lambda: since, cores=2)
    assert gate.spares(0.4 * gate.allowed)
    assert not gate.spares(0.6 * gate.allowed)
    async with gate.hold(0.3 * gate.allowed):
        assert not gate.spares(0.4 * gate.allowed)
    since = 0.0
    assert not gate.spares(0.0)


async def test_while_nobody_predicts_a_long_slice_has_a_core_of_its_own() -> None:
    since = LULL_S + 0.1
    gate = SliceGate(lambda: since, cores=2)
    async with asyncio.timeout(1), gate.hold(5.0), gate.hold(5.0):
        third = asyncio.create_task(_pass(gate))
        await asyncio.sleep(0.01)
        assert not third.done()
    await third
    since = 0.0
    async with gate.hold(5.0):
        second = asyncio.create_task(_pass(gate))
        await asyncio.sleep(0.01)
        assert not second.done()
    await second
