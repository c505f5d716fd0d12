import numpy as np
import torch

from tui_lab.data import Images
from tui_lab.engine.batches import DeviceImages


def test_a_batch_is_the_chosen_images_scaled_to_minus_one_to_one(images: Images) -> None:
    held = DeviceImages(images.take(images.train_rows), torch.device("cpu"))
    assert (len(held), held.shape) == (184, (3, 8, 8))
    batch = held.take(torch.tensor([3, 0, 3]))
    expected = images.take(images.train_rows[[3, 0, 3]]).astype(np.float32).transpose(0, 3, 1, 2) / 127.5 - 1
    np.testing.assert_array_equal(batch.numpy(), expected)
    assert batch.dtype == torch.float32


def test_only_the_mirrored_are_mirrored_from_left_to_right(images: Images) -> None:
    held = DeviceImages(images.take(images.train_rows), torch.device("cpu"))
    indices = torch.tensor([0, 1])
    plain, mirrored = held.take(indices), held.take(indices, torch.tensor([False, True]))
    assert torch.equal(mirrored[0], plain[0])
    assert torch.equal(mirrored[1], plain[1].flip(-1))
    assert not torch.equal(mirrored[1], plain[1])
