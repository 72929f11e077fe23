from hypothesis import given
from hypothesis import strategies as st

from app.batch import Batch, Item, Priority, divided, volume
from models.classifier import padded_tokens
from tests.unit.app.lane import Doubling

pairs = st.tuples(st.integers(0, 9), st.integers(0, 300))
batches_of_shapes = st.integers(1, 3).flatmap(
    lambda inputs: st.lists(st.tuples(*[pairs] * inputs), min_size=1, max_size=20)
)


def batch_of(shapes):
    items = [Item(None, index, index, shape, volume(shape)) for index, shape in enumerate(shapes)]
    return Batch(Doubling(), Priority.INTERACTIVE, items)


@given(batches_of_shapes)
def test_the_batcher_counts_padded_tokens_as_the_classifiers_do(shapes):
    assert batch_of(shapes).padded_tokens == padded_tokens(shapes)


@given(batches_of_shapes)
def test_halves_hold_every_item_once_and_in_order(shapes):
    batch = batch_of(shapes)
    assert [item for half in batch.halves() for item in half.items] == list(batch.items)


def test_a_part_is_no_longer_than_its_longest_text_has_to_be():
    """All texts of a batch are walked through together: a long one alone makes as many steps as a list of long ones."""
    lists_and_texts = [((6, 10), (0, 50)), ((1, 9), (0, 50)), ((1, 25), (0, 50)), ((2, 20), (0, 50)), ((1, 4), (0, 50))]
    short, long = divided(batch_of(lists_and_texts).items, 2)
    assert {item.shape[0] for item in long} == {(1, 25), (2, 20)}
    assert {item.shape[0] for item in short} == {(6, 10), (1, 9), (1, 4)}
