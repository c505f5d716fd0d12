import torch
from hypothesis import given
from hypothesis import strategies as st

from tui_lab.engine.seeds import Generators, Stream, step_seed


def test_no_two_draws_of_a_run_share_a_seed() -> None:
    seeds = {
        step_seed(seed, step, stream, part)
        for seed in range(3)
        for step in range(200)
        for stream in Stream
        for part in range(2)
    }
    assert len(seeds) == 3 * 200 * len(Stream) * 2


@given(st.integers(0, 2**31 - 1), st.integers(0, 10**9), st.sampled_from(Stream))
def test_a_seed_is_one_that_torch_takes_and_the_next_step_has_an_unrelated_one(
    seed: int, step: int, stream: Stream
) -> None:
    here, there = step_seed(seed, step, stream), step_seed(seed, step + 1, stream)
    assert 0 <= here < 2**63
    # Of 32 low bits about 16 differ; fewer than 3 or more than 29 happens once in a million draws.
    assert 2 < ((here ^ there) & 0xFFFFFFFF).bit_count() < 30


def test_the_numbers_are_what_they_were_when_runs_were_made() -> None:
    assert step_seed(0, 0, Stream.NOISE) == 850663866476343339
    assert step_seed(7, 1234, Stream.FLIP, 3) == 828891445720826917


def test_a_stream_begins_anew_at_each_call() -> None:
    generators = Generators(3, torch.device("cpu"))
    first = torch.randn(4, generator=generators.at(Stream.NOISE, 5))
    torch.randn(9, generator=generators.at(Stream.FLIP, 5))
    assert torch.equal(torch.randn(4, generator=generators.at(Stream.NOISE, 5)), first)
    assert not torch.equal(torch.randn(4, generator=generators.at(Stream.NOISE, 6)), first)
    assert not torch.equal(torch.randn(4, generator=generators.at(Stream.NOISE, 5, part=1)), first)
