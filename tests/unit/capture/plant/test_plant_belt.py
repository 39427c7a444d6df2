"""What lies about on the belt must not be taken for a defect."""

import cv2
import numpy as np
import pytest

from lineside.capture.plant.belt import LARGEST_SPECK_PX, _specks
from lineside.capture.plant.reveal import CONTRAST, SEEN


@pytest.mark.parametrize("seed", range(4))
def test_crumbs_are_small_soft_and_fainter_than_any_defect(seed):
    bare = np.full((640, 1200, 3), 120, np.uint8)
    strewn = bare.copy()
    _specks(strewn, 1.0, np.random.default_rng(seed))
    change = cv2.absdiff(strewn, bare)[..., 0]

    _, _, facts, _ = cv2.connectedComponentsWithStats((change >= SEEN).astype(np.uint8))
    assert 20 < len(facts) < 160
    assert change.max() < CONTRAST
    assert np.median(facts[1:, cv2.CC_STAT_WIDTH]) <= LARGEST_SPECK_PX
    assert (
        facts[1:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]].max() <= 3 * LARGEST_SPECK_PX
    )  # some lie together
