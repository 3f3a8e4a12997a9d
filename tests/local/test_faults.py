from local.faults import WEIGHTS, FaultInjector, InjectedFault, KillSchedule


def faults(share: float, seed: int, requests: int) -> list[InjectedFault | None]:
    injector = FaultInjector(share, seed)
    return [injector.draw() for _ in range(requests)]


def test_the_same_seed_gives_each_request_the_same_fault() -> None:
    assert faults(0.1, 1, 500) == faults(0.1, 1, 500)
    assert faults(0.1, 1, 500) != faults(0.1, 2, 500)


def test_every_kind_of_fault_is_injected_and_counted() -> None:
    injector = FaultInjector(0.5, seed=0)
    drawn = [fault for _ in range(4000) if (fault := injector.draw())]
    assert injector.requests == 4000
    assert injector.injected.total() == len(drawn)
    assert set(drawn) == set(InjectedFault) == set(WEIGHTS)


def test_no_fault_is_injected_unless_asked_for() -> None:
    assert set(faults(0, 0, 500)) == {None}
    assert None not in faults(1, 0, 500)


def test_kills_are_due_in_the_course_of_the_run_and_once() -> None:
    schedule = KillSchedule(5, requests=100, seed=0)
    early = list(schedule.due(40))
    late = list(schedule.due(90))
    assert len(early + late) == 5
    assert early
    assert list(schedule.due(100)) == []


def test_a_run_of_few_requests_can_have_a_kill() -> None:
    assert len(list(KillSchedule(1, requests=1, seed=0).due(1))) == 1
