"""How busy the event loop is, with real work and real rest."""

import os
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from app.loop_load import LoopLoad, seconds_wanted


def asked_while(load, seconds, doing):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        doing()
        taken = load.cores_taken()
    return taken


def work():
    until = time.thread_time() + 0.005
    while time.thread_time() < until:
        pass


def test_a_loop_that_works_takes_a_core_and_one_that_waits_takes_none():
    load = LoopLoad()
    assert load.cores_taken() == 0
    assert asked_while(load, 0.6, lambda: time.sleep(0.005)) == 0
    until = time.monotonic() + 10
    while not asked_while(load, 0.3, work):
        assert time.monotonic() < until
    assert asked_while(load, 0.6, lambda: time.sleep(0.005)) == 0


def keep_busy(core):
    os.sched_setaffinity(0, {core})
    while True:
        pass


@pytest.mark.skipif(not Path("/proc/thread-self/schedstat").exists(), reason="the system does not say who waits")
def test_a_loop_that_waits_for_its_core_is_not_idle():
    cores = os.sched_getaffinity(0)
    other = get_context("spawn").Process(target=keep_busy, args=(min(cores),), daemon=True)
    os.sched_setaffinity(0, {min(cores)})
    try:
        other.start()
        time.sleep(1)
        wanted, started, worked = seconds_wanted(), time.monotonic(), time.thread_time()
        before = wanted()
        while time.thread_time() < worked + 0.2:
            pass
        assert wanted() - before > 0.9 * (time.monotonic() - started)
        assert wanted() - before > 1.2 * 0.2
    finally:
        other.kill()
        os.sched_setaffinity(0, cores)
