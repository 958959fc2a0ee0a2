from xml.etree import ElementTree

from freehold.training.curves import draw_curves
from freehold.training.progress import Line, Rewarded, Scored, Step


def steps(*losses: float) -> list[Line]:
    return [
        Step(step=place, loss=loss, rate=0.1, tokens=place, per_second=1.0, elapsed=1.0, left=0.0)
        for place, loss in enumerate(losses, 1)
    ]


def scores(level: int, *right: int) -> list[Line]:
    return [
        Scored(
            step=place, task="t", level=level, thinking=True, items=10, right=one, proven=0, unfinished=0, low=0, high=1
        )
        for place, one in enumerate(right, 1)
    ]


def texts(picture: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]


def test_loss_and_accuracy_have_a_panel_each() -> None:
    found = texts(draw_curves([*steps(4.0, 2.0, 1.0), *scores(2, 1, 9), *scores(3, 0, 5)], "own/<nano> & co"))
    assert found[0] == "own/<nano> & co"
    assert {"loss (nats a token)", "right answers, held-out items", "t 2", "t 3"} <= set(found)
    assert "mean reward" not in found


def test_rewards_have_a_panel_where_there_are_any() -> None:
    rewards: list[Line] = [
        Rewarded(step=place, reward=value, dead=0.1, length=9.0, unfinished=0.0, mismatch=0.0)
        for place, value in enumerate((-0.2, 0.4))
    ]
    assert "mean reward" in texts(draw_curves(rewards, "r"))


def test_a_run_that_has_told_nothing_has_no_panels() -> None:
    assert texts(draw_curves([], "r")) == ["r"]
