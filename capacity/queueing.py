"""Formulas of queueing theory, each with its name. Times are seconds, rates per second."""

import math


def erlang_c(servers: int, offered: float) -> float:
    """Return the share of the arrivals that wait in M/M/c (Erlang C), by the recursion of Erlang B.

    `offered` is the load in erlangs, arrival rate x service time. At or over `servers` everyone waits.
    """
    if offered >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return blocked / (1 - offered / servers * (1 - blocked))


def mean_wait(servers: int, rate: float, service: float, variation: float = 0.0) -> float:
    """Return the mean wait in M/G/c by Allen and Cunneen: that of M/M/c, times (1 + c²) / 2.

    `variation` is the squared coefficient of variation of the service time: 1 gives M/M/c itself, 0 M/D/c, for which
    it is exact with one server (Pollaczek and Khinchine) and a little low with more: see `wait_quantile`.
    Infinite where the load is not carried.
    """
    offered = rate * service
    if not offered:
        return 0.0
    if offered >= servers:
        return math.inf
    return erlang_c(servers, offered) * service / (servers - offered) * (1 + variation) / 2


def wait_quantile(share: float, servers: int, rate: float, service: float, variation: float = 0.0) -> float:
    """Return the wait that this share of the arrivals stays below: exponential tail of M/M/c, scaled as `mean_wait` is.

    Exact for M/M/c; for other service times the usual approximation.
    """
    offered = rate * service
    if offered >= servers:
        return math.inf
    waiting = erlang_c(servers, offered)
    if waiting <= 1 - share:
        return 0.0
    mean_of_waiting = service / (servers - offered) * (1 + variation) / 2
    return mean_of_waiting * math.log(waiting / (1 - share))


def drain_seconds(backlog: float, arriving: float, carried: float) -> float:
    """Return how long a backlog takes to drain while messages arrive and more are carried (a fluid)."""
    return backlog / (carried - arriving) if carried > arriving else math.inf
