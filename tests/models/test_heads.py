import numpy as np
import pytest

from nbtune.models.heads import softmax


def test_probabilities_add_up_even_of_huge_logits():
    found = softmax(np.array([[1e30, 0, -1e30], [-1e4, -1e4, -1e4]], dtype=np.float32))
    assert found[0].tolist() == [1, 0, 0]
    assert found[1] == pytest.approx([1 / 3] * 3)
    assert softmax(np.empty((0, 3), dtype=np.float32)).shape == (0, 3)
