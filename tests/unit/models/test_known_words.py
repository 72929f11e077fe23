"""Words that were spelled out before are looked up, and nothing else changes."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor

from models.allennlp_compat import Embedding
from models.cnn import ExtentCnnEncoder
from models.known_words import LONGEST_WORD, KnownWords, reader_of
from models.recurrent import GruSeq2Vec, LstmSeq2Vec
from models.text_field_embedder import CharacterEncoder

LETTERS, DIM = 300, 6
"""More letters than a byte counts: ids that end with a zero byte are words too."""


def encoder(layer: torch.nn.Module) -> CharacterEncoder:
    torch.manual_seed(3)
    return CharacterEncoder(Embedding(DIM, num_embeddings=LETTERS), layer).eval()


def recurrent(kind: type = GruSeq2Vec) -> CharacterEncoder:
    return encoder(kind(input_size=DIM, hidden_size=4, bidirectional=True))


def convolution() -> CharacterEncoder:
    return encoder(ExtentCnnEncoder(embedding_dim=DIM, num_filters=3, ngram_filter_sizes=(2, 3)))


def words(*spelled: tuple[int, ...], width: int = 0) -> Tensor:
    """(words, characters)."""
    longest = max(width, *map(len, spelled))
    return torch.tensor([[*one, *[0] * (longest - len(one))] for one in spelled])


WORDS = words((5, 7), (), (256,), (5,), (256, 0, 1), (5, 7), (1, 256), (5, 7, 9, 11))


@pytest.mark.parametrize("one", [recurrent(GruSeq2Vec), recurrent(LstmSeq2Vec), convolution()])
def test_vectors_are_those_without_it(one: CharacterEncoder) -> None:
    wanted = one(WORDS.unsqueeze(0)).detach()  # with gradients nothing is looked up
    assert not reader_of(one).words
    for some in (WORDS[:3], WORDS, WORDS.flip(0), torch.nn.functional.pad(WORDS, (0, 5))):
        with torch.inference_mode():
            found = one(some.unsqueeze(0))
        rows = [next(row for row in range(len(WORDS)) if alike(WORDS[row], word)) for word in some]
        torch.testing.assert_close(found, wanted[:, rows], atol=1e-6, rtol=1e-5)
    assert len(reader_of(one).words) == 7


@pytest.mark.parametrize("kind", [GruSeq2Vec, LstmSeq2Vec])
def test_no_bit_depends_on_the_batch_that_a_word_was_first_read_in(kind: type) -> None:
    torch.manual_seed(3)
    one = CharacterEncoder(Embedding(32, num_embeddings=99), kind(32, 50, bidirectional=True)).eval()
    some = torch.randint(1, 99, (64, 9)).masked_fill(torch.arange(9) >= torch.randint(1, 10, (64, 1)), 0)
    others = [copy.deepcopy(one) for _ in range(3)]
    with torch.inference_mode():
        wanted = one(some.unsqueeze(0))
        for size, another in zip((1, 7, 30), others, strict=True):
            found = torch.cat([another(part.unsqueeze(0)) for part in some.split(size)], dim=1)
            assert torch.equal(found, wanted)


def alike(one: Tensor, other: Tensor) -> bool:
    return one.tolist() == other[: len(one)].tolist() and not other[len(one) :].any()


def test_a_word_is_encoded_once() -> None:
    known, asked = KnownWords(), []

    def encode(some: Tensor) -> Tensor:
        asked.append(some.tolist())
        return some.sum(dim=1, keepdim=True).float()

    assert known.vectors(words((5, 7), (3,), (5, 7)), encode).tolist() == [[12], [3], [12]]
    assert known.vectors(words((3,), (5, 7), width=9), encode).tolist() == [[3], [12]]
    assert known.vectors(words((3,), (1, 1, 1), (9,), (3,)), encode).tolist() == [[3], [3], [9], [3]]
    assert asked == [[[5, 7], [3, 0]], [[1, 1, 1], [9, 0, 0]]]


def test_it_never_holds_more_than_it_may() -> None:
    known = KnownWords(most=4)
    for first in range(1, 40, 3):
        some = words(*[(first + more,) for more in range(6)])
        assert known.vectors(some, lambda ids: ids.float()).flatten().tolist() == some.flatten().tolist()
        assert len(known) <= 4


def test_long_words_are_not_kept() -> None:
    known = KnownWords()
    for width in (LONGEST_WORD, LONGEST_WORD + 1):
        some = words((7,) * width, (3,))
        assert known.vectors(some, lambda ids: ids.float()[:, :1]).tolist() == [[7], [3]]
        assert len(known) == 2


def test_words_beside_a_long_one_are_known_and_not_padded() -> None:
    known, asked = KnownWords(), []

    def encode(some: Tensor) -> Tensor:
        asked.append(tuple(some.shape))
        return some.float()[:, :1]

    some = words((4,), (9,) * (LONGEST_WORD + 1), (5,), (4,))
    for _ in range(2):
        assert known.vectors(some, encode).tolist() == [[4], [9], [5], [4]]
    assert asked == [(2, 1), (1, LONGEST_WORD + 1), (1, LONGEST_WORD + 1)]
    assert len(known) == 2


def test_other_weights_are_noticed() -> None:
    one = recurrent()
    with torch.no_grad():
        before = one(WORDS.unsqueeze(0))
        copied = copy.deepcopy(one)
        one._encoder._module._module.weight_hh_l0.mul_(2)
        after = one(WORDS.unsqueeze(0))
        assert torch.equal(copied(WORDS.unsqueeze(0)), before)
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, one(WORDS.unsqueeze(0)).detach())


def test_what_is_learnt_while_predicting_is_known_while_explaining() -> None:
    one = recurrent()
    with torch.inference_mode():
        one(WORDS[:4].unsqueeze(0))
    with torch.no_grad():
        vectors = one(WORDS.unsqueeze(0))
    vectors.requires_grad_(True).sum().backward()


def test_convolutions_over_padding_are_left_alone() -> None:
    """What they give a word depends on how far it is padded."""
    one = convolution()
    one.min_padding_length = 0
    with torch.inference_mode():
        one(WORDS.unsqueeze(0))
    assert not reader_of(one).words


def test_threads_share_it() -> None:
    known = KnownWords(most=64)

    def look_up(seed: int) -> None:
        generator = torch.Generator().manual_seed(seed)
        for _ in range(200):
            some = torch.randint(1, 90, (12, 1), generator=generator)
            assert torch.equal(known.vectors(some, lambda ids: ids.float()), some.float())

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(look_up, range(4)))
