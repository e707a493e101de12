"""The E-model, against values of ITU-T G.107 and G.113."""

from __future__ import annotations

import pytest

from firmware.media.emodel import delay_impairment, loss_impairment, opinion, rating


def test_perfect_call_has_the_rating_and_score_of_the_default_values() -> None:
    # G.107 clause 7.7 and annex B: R = 93.2 is a MOS of 4.41
    assert rating(0.0, 1.0, 0.0) == pytest.approx(93.2)
    assert opinion(93.2) == pytest.approx(4.41, abs=0.01)


@pytest.mark.parametrize(
    ("transmission_rating", "score"), [(0, 1.0), (50, 2.58), (60, 3.1), (70, 3.6), (80, 4.02)]
)
def test_scores_are_those_of_annex_b(transmission_rating: float, score: float) -> None:
    assert opinion(transmission_rating) == pytest.approx(score, abs=0.02)


def test_loss_and_delay_only_ever_make_it_worse() -> None:
    steps = [n / 100 for n in range(100)]
    assert [loss_impairment(one) for one in steps] == sorted(loss_impairment(o) for o in steps)
    assert [delay_impairment(one) for one in steps] == sorted(delay_impairment(o) for o in steps)
    assert 1.0 <= opinion(rating(1.0, 1.0, 5.0)) < 1.1
