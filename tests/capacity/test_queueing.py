"""The formulas against values that textbooks have, and against what they must be at their ends."""

import math

import pytest

from capacity.queueing import drain_seconds, erlang_c, mean_wait, wait_quantile


@pytest.mark.parametrize(
    ("servers", "offered", "waiting"),
    [
        (1, 0.5, 0.5),  # M/M/1: the utilization
        (2, 1.0, 1 / 3),  # by hand: (1/2 / (1/2)) / (1 + 1 + 1)
        (10, 8.0, 0.4092),  # Erlang's table
        (4, 4.0, 1.0),
    ],
)
def test_erlang_c(servers: int, offered: float, waiting: float) -> None:
    assert erlang_c(servers, offered) == pytest.approx(waiting, rel=0.002)


def test_one_server_is_pollaczek_and_khinchine() -> None:
    rate, service = 8.0, 0.1
    exact = rate * service**2 / (2 * (1 - rate * service))
    assert mean_wait(1, rate, service) == pytest.approx(exact)
    assert mean_wait(1, rate, service, variation=1.0) == pytest.approx(2 * exact)


def test_nobody_waits_without_load_and_everybody_without_end_at_the_limit() -> None:
    assert mean_wait(3, 0.0, 1.0) == 0.0
    assert mean_wait(3, 3.0, 1.0) == math.inf
    assert wait_quantile(0.95, 3, 3.0, 1.0) == math.inf


def test_the_quantile_of_one_server_is_that_of_its_exponential_tail() -> None:
    # M/M/1 at 80 %: P(W > t) = 0.8 e^(-2 t)
    assert wait_quantile(0.95, 1, 8.0, 0.1, variation=1.0) == pytest.approx(math.log(0.8 / 0.05) / 2)
    assert wait_quantile(0.95, 100, 1.0, 0.1) == 0.0


def test_a_backlog_drains_by_what_is_carried_more_than_arrives() -> None:
    assert drain_seconds(1_000_000, 500, 1500) == 1000
    assert drain_seconds(1, 10, 10) == math.inf
