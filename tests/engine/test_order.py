import torch
from hypothesis import given
from hypothesis import strategies as st

from tui_lab.engine.order import Order

sizes = st.lists(st.integers(1, 40), min_size=1, max_size=12)


@given(st.integers(1, 30), sizes)
def test_every_image_comes_once_an_epoch_whatever_the_batches(count: int, batches: list[int]) -> None:
    order, position, seen = Order(0, count), 0, []
    for size in batches:
        seen += order.indices(position, size).tolist()
        position += size
    for start in range(0, len(seen) - count + 1, count):
        assert sorted(seen[start : start + count]) == list(range(count))


@given(st.integers(1, 30), sizes)
def test_the_order_is_a_function_of_the_position_alone(count: int, batches: list[int]) -> None:
    walked = Order(5, count)
    whole = Order(5, count).indices(0, sum(batches))
    position = 0
    for size in batches:
        assert torch.equal(walked.indices(position, size), whole[position : position + size])
        assert torch.equal(Order(5, count).indices(position, size), whole[position : position + size])
        position += size


def test_epochs_and_seeds_have_orders_of_their_own() -> None:
    order = Order(0, 50)
    assert not torch.equal(order.indices(0, 50), order.indices(50, 50))
    assert not torch.equal(order.indices(0, 50), Order(1, 50).indices(0, 50))
