import torch

from tui_lab.engine.augment import crop, mirror, turn

NOTHING = torch.tensor([0, 0])


def numbered(height: int = 6, width: int = 8) -> torch.Tensor:
    """Two pictures of one channel whose pixels are all different."""
    return torch.arange(2 * height * width, dtype=torch.float32).reshape(2, 1, height, width)


def test_only_the_mirrored_are_mirrored_from_left_to_right() -> None:
    pictures = numbered()
    seen = mirror(pictures, torch.tensor([False, True]))
    assert torch.equal(seen[0], pictures[0])
    assert torch.equal(seen[1], pictures[1].flip(-1))


def test_each_picture_is_cropped_at_a_place_of_its_own() -> None:
    pictures = numbered().expand(2, 3, 6, 8)
    seen = crop(pictures, torch.tensor([0, 2]), torch.tensor([3, 1]), (4, 5))
    assert torch.equal(seen[0], pictures[0, :, 0:4, 3:8])
    assert torch.equal(seen[1], pictures[1, :, 2:6, 1:6])
    assert seen.is_contiguous()


def test_turning_by_nothing_is_cropping() -> None:
    pictures = numbered()
    top, left = torch.tensor([0, 2]), torch.tensor([3, 1])
    turned = turn(pictures, torch.zeros(2), top, left, (4, 5))
    torch.testing.assert_close(turned, crop(pictures, top, left, (4, 5)), atol=1e-3, rtol=0)


def test_a_quarter_turn_is_exact_and_clockwise() -> None:
    square = numbered(6, 6)
    turned = turn(square, torch.tensor([90.0, 180.0]), NOTHING, NOTHING, (6, 6))
    torch.testing.assert_close(turned[0], square[0].rot90(-1, (-2, -1)), atol=1e-3, rtol=0)
    torch.testing.assert_close(turned[1], square[1].rot90(2, (-2, -1)), atol=1e-3, rtol=0)


def test_a_turn_keeps_the_shape_of_things_where_the_picture_is_not_square() -> None:
    """Along the middle row of a wide picture turned by 90° stands what was its middle column."""
    wide = numbered(4, 8)
    turned = turn(wide, torch.tensor([90.0, 90.0]), NOTHING, NOTHING, (4, 8))
    column = wide[0, 0].flip(0)[:, 3:5].mean(dim=1)
    torch.testing.assert_close(turned[0, 0, 1:3, 2:6].mean(dim=0), column, atol=1e-3, rtol=0)


def test_what_lies_beyond_the_edge_repeats_it_and_a_margin_is_used_first() -> None:
    flat = torch.ones(2, 1, 8, 8)
    turned = turn(flat, torch.tensor([45.0, 30.0]), NOTHING, NOTHING, (8, 8))
    torch.testing.assert_close(turned, flat)
    framed = torch.zeros(2, 1, 16, 16)
    framed[:, :, 4:12, 4:12] = 1.0
    middle = torch.tensor([4, 4])
    corner = turn(framed, torch.tensor([45.0, 45.0]), middle, middle, (8, 8))[:, :, 0, 0]
    assert torch.equal(corner, torch.zeros(2, 1))
