"""Cores that are shared, and threads of torch that are not."""

import re
from concurrent.futures import ThreadPoolExecutor

import torch

from app.cores import set_threads


def test_a_thread_keeps_its_number_of_threads_whatever_others_have():
    def told_beside(number, others):
        set_threads(number)
        with ThreadPoolExecutor(1) as other:
            other.submit(set_threads, others).result()
        return set(map(int, re.findall(r"get_(?:num|max)_threads\(\) : (\d+)", torch.__config__.parallel_info())))

    with ThreadPoolExecutor(1) as new:
        assert new.submit(told_beside, 2, 1).result() == {2}
        assert new.submit(told_beside, 1, 2).result() == {1}
