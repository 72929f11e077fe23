from hypothesis import given
from hypothesis import strategies as st

from app.batch import Batch, Item, Priority, volume
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
