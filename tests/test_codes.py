from __future__ import annotations

import random

import pytest

from firmware import number
from firmware.codes import Action, CodePlan, Order, Progress, Service, plan_of
from firmware.config import COUNTRIES
from tests.call.link import person

BERT = person("Bert").number
PLANS = {country: plan_of(country) for country in COUNTRIES}


@pytest.mark.parametrize(
    ("country", "dialled", "order"),
    [
        ("DE", f"*21*{BERT}#", Order(Service.FORWARD_ALWAYS, Action.ON, (BERT,))),
        ("DE", "#21#", Order(Service.FORWARD_ALWAYS, Action.OFF)),
        ("DE", "*#21#", Order(Service.FORWARD_ALWAYS, Action.ASK)),
        ("DE", f"*61*{BERT}*15#", Order(Service.FORWARD_NO_ANSWER, Action.ON, (BERT, "15"))),
        ("DE", f"*67*{BERT}#", Order(Service.FORWARD_BUSY, Action.ON, (BERT,))),
        ("FR", f"*67*{BERT}#", Order(Service.FORWARD_BUSY, Action.ON, (BERT,))),
        ("AU", f"*24*{BERT}#", Order(Service.FORWARD_BUSY, Action.ON, (BERT,))),
        ("US", f"*72{BERT}", Order(Service.FORWARD_ALWAYS, Action.ON, (BERT,))),
        ("US", "*73", Order(Service.FORWARD_ALWAYS, Action.OFF)),
        ("US", "*78", Order(Service.DO_NOT_DISTURB, Action.ON)),
        ("US", f"*74{7}{BERT}", Order(Service.SPEED_DIAL, Action.ON, ("7", BERT))),
        ("US", f"*75{20}{BERT}", Order(Service.SPEED_DIAL, Action.ON, ("20", BERT))),
        ("DE", "*26#", Order(Service.DO_NOT_DISTURB, Action.ON)),
        ("GB", "1471", Order(Service.CALL_RETURN, Action.ASK)),
        ("US", "*69", Order(Service.CALL_RETURN, Action.USE)),
        ("DE", "*55*0630#", Order(Service.WAKE_UP, Action.ON, ("0630",))),
        ("DE", "*84*2200*0700#", Order(Service.QUIET_HOURS, Action.ON, ("2200", "0700"))),
        ("DE", "7#", Order(Service.SPEED_DIAL, Action.USE, ("7",))),
        ("DE", "42#", Order(Service.SPEED_DIAL, Action.USE, ("42",))),
        ("DE", "##", Order(Service.REDIAL, Action.USE)),
    ],
)
def test_code_is_complete_at_its_last_key_and_not_before(
    country: str, dialled: str, order: Order
) -> None:
    plan = plan_of(country)
    assert plan.order(dialled) == order
    for i in range(1, len(dialled)):
        assert plan.progress(dialled[:i]) is Progress.BEGUN, dialled[:i]


@pytest.mark.parametrize(
    "dialled", ["*55*2460#", "*55*2500#", "*84*2200*0760#", "*21*123456789012#"]
)
def test_impossible_times_and_numbers_are_no_code(dialled: str) -> None:
    assert plan_of("DE").order(dialled) is None


@pytest.mark.parametrize("country", sorted(PLANS))
def test_no_code_is_the_beginning_of_another(country: str) -> None:
    """Else the shorter one would swallow the longer one."""
    plan = PLANS[country]
    for code in plan.codes:
        dialled = example(code.pattern)
        assert plan.order(dialled) is not None, code
        for i in range(1, len(dialled)):
            assert plan.progress(dialled[:i]) is Progress.BEGUN, (code, dialled[:i])


@pytest.mark.parametrize("country", sorted(PLANS))
def test_no_code_can_be_a_number_or_an_emergency_number(country: str) -> None:
    for code in PLANS[country].codes:
        dialled = example(code.pattern)
        assert not number.is_valid(dialled)
        assert not any(dialled.startswith(urgent) for urgent in number.EMERGENCY_NUMBERS), code


@pytest.mark.parametrize("country", sorted(PLANS))
def test_prefix_before_a_number_is_told_from_forwarding(country: str) -> None:
    plan = PLANS[country]
    for prefix in plan.relayed_prefixes:
        assert plan.split(prefix + BERT) == (True, BERT)
        assert plan.order(prefix + BERT) is None
    assert plan.split(BERT) == (False, BERT)


def test_random_keys_are_read_without_an_error() -> None:
    seed = 5
    dice = random.Random(seed)
    for _ in range(3000):
        dialled = "".join(dice.choices("0123456789*#", k=dice.randrange(1, 22)))
        plan = dice.choice(list(PLANS.values()))
        complete = plan.progress(dialled) is Progress.COMPLETE
        assert complete == (plan.order(dialled) is not None), f"seed {seed}: {dialled}"


def test_country_without_a_table_has_the_european_codes() -> None:
    assert plan_of("PL") is plan_of("DE") is plan_of("de")
    assert isinstance(plan_of("US"), CodePlan)
    assert plan_of("US") is not plan_of("DE")


def example(pattern: str) -> str:
    """What somebody could press; the prefix `*67` of a number is no key of it."""
    values = {"N": BERT, "P": "7", "D": "7", "Q": "42", "T": "0630", "S": "15"}
    return "".join(values.get(kind, kind) for kind in pattern)
