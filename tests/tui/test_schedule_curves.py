import numpy as np
import pytest

from tui_lab.diffusion import schedules
from tui_lab.recipe import Recipe, edited
from tui_lab.tui.compared_schedules import ComparedSchedules
from tui_lab.tui.schedule_curves import Shown, readings, series_of
from tui_lab.tui.schedule_words import schedule_title

DDPM = Recipe()
FLOW = edited(Recipe(), {"noise_scheduler.class": "FlowMatchEulerDiscreteScheduler", "noise_scheduler.shift": 3.0})
EDM = edited(Recipe(), {"noise_scheduler.class": "EDMEulerScheduler"})
TOY = edited(Recipe(), {"noise_scheduler.class": "UniformMixing"})


def titles(recipe: Recipe) -> list[str]:
    return [one.title for one in Shown.of(recipe).sets]


def curve(recipe: Recipe, name: str) -> np.ndarray:
    return next(one.y for each in Shown.of(recipe).sets for one in each.curves if one.name == name)


def test_each_process_shows_the_curves_that_it_has() -> None:
    assert titles(DDPM) == ["picture and noise", "β and ᾱ", "SNR and σ", "log-SNR", "loss share, 1 = even"]
    assert "β and ᾱ" not in titles(FLOW) and "preconditioning" in titles(EDM)
    assert [one.name for one in Shown.of(TOY).sets[0].curves] == ["1-a", "a", "log-SNR"]


@pytest.mark.parametrize("recipe", [DDPM, FLOW, EDM, TOY], ids=["ddpm", "flow", "edm", "toy"])
def test_every_curve_has_a_value_for_every_level(recipe: Recipe) -> None:
    for each in Shown.of(recipe).sets:
        assert sum(one.main for one in each.curves) == 1
        assert all(one.y.shape == (1000,) for one in each.curves)


def test_curves_are_those_of_the_schedules() -> None:
    assert np.array_equal(curve(DDPM, "√ᾱ"), schedules.levels(DDPM.noise_scheduler).alpha)
    assert np.allclose(curve(DDPM, "√ᾱ") ** 2 + curve(DDPM, "√(1-ᾱ)") ** 2, 1)
    signal, noise = curve(EDM, "1/√(1+σ²)"), curve(EDM, "σ/√(1+σ²)")
    assert np.allclose((noise / signal), schedules.levels(EDM.noise_scheduler).sigma)


def test_the_share_of_the_loss_is_1_where_it_is_even() -> None:
    assert np.allclose(curve(DDPM, "loss share"), 1)
    weighted = edited(DDPM, {"loss.weighting": "min_snr"})
    assert np.isclose(curve(weighted, "loss share").mean(), 1) and np.ptp(curve(weighted, "loss share")) > 1
    drawn = edited(FLOW, {"loss.timestep_sampling": "logit_normal"})
    assert np.isclose(curve(drawn, "drawn").mean(), 1)


def test_readings_are_exact_at_the_level() -> None:
    found = dict(readings(Shown.of(DDPM), 500))
    assert float(found["√ᾱ"]) == pytest.approx(schedules.sqrt_alphas_cumprod(DDPM.noise_scheduler)[500], rel=1e-3)
    assert float(found["log-SNR"]) == pytest.approx(schedules.levels(DDPM.noise_scheduler).log_snr[500], rel=1e-3)
    assert dict(readings(Shown.of(EDM), 0))["σ"] == "0.002"
    assert dict(readings(Shown.of(FLOW), 999))["told"] == "1000"


def test_a_logarithmic_y_axis_takes_in_the_curves_that_are_never_negative() -> None:
    chosen = Shown.of(DDPM).sets[1]
    assert series_of(chosen, [], False, log_y=False)[1].own_range is not None
    assert series_of(chosen, [], False, log_y=True)[1].own_range is None
    log_snr = series_of(Shown.of(DDPM).sets[0], [], False, log_y=True)[2]
    assert log_snr.own_range == (-20.0, 20.0)


def test_a_logarithmic_x_axis_has_a_place_for_the_first_level() -> None:
    (series, *_) = series_of(Shown.of(DDPM).sets[0], [], log_x=True, log_y=False)
    assert series.x[0] == 1 and series.x[-1] == 1000


@pytest.mark.parametrize(
    ("recipe", "title"),
    [
        (DDPM, "linear 1e-4…0.02"),
        (edited(DDPM, {"noise_scheduler.beta_schedule": "squaredcos_cap_v2", "loss.weighting": "p2"}), "cosine p2"),
        (edited(DDPM, {"noise_scheduler.num_train_timesteps": 300}), "linear 1e-4…0.02 T=300"),
        (FLOW, "flow shift 3"),
        (EDM, "EDM 0.002…80"),
        (TOY, "mixing"),
    ],
)
def test_a_schedule_is_told_from_others_in_a_few_words(recipe: Recipe, title: str) -> None:
    assert schedule_title(recipe) == title


# --- what stands beside ---


def test_before_is_the_schedule_from_before_the_knob_was_touched() -> None:
    compared = ComparedSchedules()
    once = edited(DDPM, {"noise_scheduler.beta_end": 0.03})
    twice = edited(DDPM, {"noise_scheduler.beta_end": 0.04})
    compared.follow(DDPM, once)
    compared.follow(once, twice)
    assert compared.before is not None and compared.before.noise == DDPM.noise_scheduler
    other = edited(twice, {"noise_scheduler.beta_start": 1e-3})
    compared.follow(twice, other)
    assert compared.before.noise == twice.noise_scheduler
    compared.follow(other, twice)
    assert compared.before is None  # turned back: nothing to compare with


def test_knobs_of_other_sections_are_no_turn_of_the_schedule() -> None:
    compared = ComparedSchedules()
    compared.follow(DDPM, edited(DDPM, {"optimizer.learning_rate": 0.1}))
    assert compared.before is None


def test_pinned_schedules_are_told_apart_and_kept_once() -> None:
    compared = ComparedSchedules()
    assert compared.pin(Shown.of(DDPM)) is not None and compared.pin(Shown.of(DDPM)) is None
    namesake = edited(DDPM, {"noise_scheduler.prediction_type": "sample"})
    compared.pin(Shown.of(namesake))
    assert [one.title for one in compared.pinned] == ["linear 1e-4…0.02", "linear 1e-4…0.02 (2)"]
    compared.unpin("linear 1e-4…0.02")
    assert [title.title for _, title in compared.kept(with_before=True)] == ["linear 1e-4…0.02 (2)"]


def test_a_kept_schedule_is_drawn_behind_by_its_main_curve_where_it_differs() -> None:
    chosen = Shown.of(DDPM).sets[0]
    cosine = Shown.of(edited(DDPM, {"noise_scheduler.beta_schedule": "squaredcos_cap_v2"}))
    series = series_of(chosen, [("#888888", cosine), ("#999999", Shown.of(DDPM))], log_x=False, log_y=False)
    assert [one.name for one in series] == ["√ᾱ", "√(1-ᾱ)", "log-SNR", "cosine"]
    assert series[-1].behind and series[-1].style == "long"
    assert len(series_of(chosen, [("#888888", Shown.of(FLOW))], False, False)) == 4
