from tui_lab.bench.report import Ratio, Report, Sample, together

FRAMES = Report(
    "frames", (Sample("rate", "1/s", (30.0, 50.0, 50.0), 40, "higher"), Sample("size", "kB", (3.0,))), "a / b", 2.0
)
CHART = Report("chart", (Sample("refresh", "ms", (4.0,), 8),), "ms", 4.0, "lower", settings={"points": "1000"})


def test_what_is_wanted_of_a_sample_is_said_and_becomes_a_ratio() -> None:
    assert FRAMES.ratios == (Ratio("a / b", 2.0), Ratio("rate / wanted", 1.25, "higher"))
    lines = FRAMES.table().splitlines()
    assert "(30.000 to 50.000, n=3; wanted: at least 40)" in lines[1]
    assert lines[-1] == "  rate / wanted: 1.250"


def test_one_table_of_several_has_each_ratio_once_and_all_settings() -> None:
    both = together("all", [FRAMES, CHART])
    names = ["frames: a / b", "chart: ms", "frames: rate / wanted", "chart: refresh / wanted"]
    assert [ratio.name for ratio in both.ratios] == names
    assert both.settings == {"chart: points": "1000"}
    assert [ratio["name"] for ratio in both.document()["ratios"]] == names
