"""Cores that are shared, and threads of torch that are not."""

import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from app.cores import Cores, set_threads


def test_a_thread_keeps_its_number_of_threads_whatever_others_have():
    def told_beside(number, others):
        set_threads(number)
        with ThreadPoolExecutor(1) as other:
            other.submit(set_threads, others).result()
        return set(map(int, re.findall(r"get_(?:num|max)_threads\(\) : (\d+)", torch.__config__.parallel_info())))

    with ThreadPoolExecutor(1) as new:
        assert new.submit(told_beside, 2, 1).result() == {2}
        assert new.submit(told_beside, 1, 2).result() == {1}


def test_two_that_want_every_core_never_have_half_of_them_each():
    for _ in range(5):
        cores = Cores(2)
        takers = [threading.Thread(target=take, args=(cores,), daemon=True) for _ in range(2)]
        with cores.taken(2):
            for taker in takers:
                taker.start()
            time.sleep(0.05)
        for taker in takers:
            taker.join(10)
        assert not any(taker.is_alive() for taker in takers)


def take(cores):
    with cores.taken(2):
        pass
