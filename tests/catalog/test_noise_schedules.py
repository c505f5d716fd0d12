from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from tui_lab.catalog.noise_schedules import NOISE_SCHEDULES, NoiseScheduleInfo
from tui_lab.diffusion.schedules import betas
from tui_lab.recipe import NoiseScheduler


def test_every_schedule_of_a_recipe_has_its_words() -> None:
    assert set(NOISE_SCHEDULES) == set(get_args(NoiseScheduler.model_fields["beta_schedule"].annotation))


@pytest.mark.parametrize("info", NOISE_SCHEDULES.values(), ids=list(NOISE_SCHEDULES))
def test_the_beta_range_matters_where_it_is_said_to(info: NoiseScheduleInfo) -> None:
    narrow = betas(NoiseScheduler.model_validate({"beta_schedule": info.name, "beta_end": 0.01}))
    wide = betas(NoiseScheduler.model_validate({"beta_schedule": info.name, "beta_end": 0.02}))
    assert np.array_equal(narrow, wide) is not info.uses_beta_range
