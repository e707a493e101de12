from firmware.overlay.dht.reach import READ_ONLY_S, SENT_MIN, TRIAL_S, Reachability


def asking(reach: Reachability, start_s: float, count: int = SENT_MIN) -> None:
    """A trial in which we ask so many nodes of the Internet."""
    reach.consider(start_s)
    for index in range(count):
        reach.queried(f"81.2.{index}.1", start_s + 1.0)


def test_reachability_without_a_stranger_in_the_whole_trial_is_read_only() -> None:
    reach = Reachability(read_only=False, fixed=False)
    asking(reach, 0.0)
    reach.asked_by("81.2.5.1", 2.0)  # which we have asked: its way in was opened by us
    reach.consider(TRIAL_S - 1.0)
    assert not reach.read_only
    reach.consider(TRIAL_S)
    assert reach.read_only


def test_reachability_stays_when_a_stranger_asked_or_when_too_few_know_us() -> None:
    asked = Reachability(read_only=False, fixed=False)
    asking(asked, 0.0)
    asked.asked_by("90.1.1.1", 2.0)
    asked.consider(TRIAL_S)
    assert not asked.read_only
    unknown = Reachability(read_only=False, fixed=False)
    asking(unknown, 0.0, SENT_MIN - 1)
    unknown.consider(TRIAL_S)
    assert not unknown.read_only
    local = Reachability(read_only=False, fixed=False)
    local.consider(0.0)
    for index in range(100):
        local.queried(f"192.168.0.{index}", 1.0)
    local.consider(TRIAL_S)
    assert not local.read_only


def test_reachability_is_tried_again_after_an_hour_and_at_once_when_a_stranger_asks() -> None:
    for way_out_s, is_asked in ((READ_ONLY_S, False), (60.0, True)):
        reach = Reachability(read_only=False, fixed=False)
        asking(reach, 0.0)
        reach.consider(TRIAL_S)
        assert reach.read_only
        if is_asked:
            reach.asked_by("192.168.0.7", TRIAL_S + way_out_s)  # no stranger: on our own network
            assert reach.read_only
            reach.asked_by("90.1.1.1", TRIAL_S + way_out_s)
        else:
            reach.consider(TRIAL_S + way_out_s)
        assert not reach.read_only


def test_reachability_whoever_was_asked_long_ago_is_a_stranger_again() -> None:
    reach = Reachability(read_only=False, fixed=False)
    asking(reach, 0.0)
    reach.asked_by("81.2.5.1", TRIAL_S - 1.0)
    reach.consider(TRIAL_S)
    assert not reach.read_only


def test_reachability_that_is_fixed_never_changes() -> None:
    reach = Reachability(read_only=True, fixed=True)
    asking(reach, 0.0)
    reach.asked_by("90.1.1.1", 2.0)
    reach.consider(2 * READ_ONLY_S)
    assert reach.read_only


def test_host_is_remembered_for_as_long_as_a_router_lets_its_answers_in() -> None:
    reach = Reachability(read_only=False, fixed=False)
    reach.queried("81.2.3.4", 0.0)
    assert reach.has_spoken_to("81.2.3.4") and not reach.has_spoken_to("81.2.3.5")
