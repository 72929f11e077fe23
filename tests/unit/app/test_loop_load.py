"""How busy the event loop is, with real work and real rest."""

import time

from app.loop_load import LoopLoad


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
