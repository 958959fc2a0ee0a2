"""The first half of a journey: who is asked what, and what a right answer is."""

import contextlib
from pathlib import Path

import pytest

from freehold.cli import journey_stages
from freehold.cli.journey_door import Asked, Commands, House, Question
from freehold.cli.journey_stages import (
    Road,
    Sizes,
    is_right,
    job,
    most_tokens,
    problems,
    questions,
    terms,
    traffic,
    train,
)
from freehold.cli.journey_state import State
from freehold.cli.journey_view import View
from freehold.config.paths import environment
from freehold.errors import JourneyError, StoreError
from freehold.store.database import open_database

RECIPE = Path(__file__).parents[2] / "src" / "freehold" / "cli" / "journey.toml"


def road(data: Path, incumbent: str = "own/smollm2-135m", recipe: Path = RECIPE) -> Road:
    state = State(data, incumbent)
    view = View({"terms": "The terms"})
    return Road(
        data=data,
        recipe=recipe,
        sizes=Sizes(),
        state=state,
        view=view,
        house=House(data, state.config, data / "up.log", 0, environment()),
        commands=Commands(data, state.folder, environment(), view.ran),
    )


def asked(text: str, right: str) -> Asked:
    return Asked(question=Question(text="?", conversation="c", right=right), text=text)


def test_the_job_is_the_task_that_the_recipe_trains(tmp_path: Path) -> None:
    task, levels = job(road(tmp_path))
    assert (task.name, levels) == ("refund-desk", (1,))
    other = tmp_path / "other.toml"
    other.write_text(RECIPE.read_text().replace('task = "refund-desk"', 'task = "refund-policy"\nlevels = [0, 2]'))
    task, levels = job(road(tmp_path, recipe=other))
    assert (task.name, levels) == ("refund-policy", (0, 2))


def test_no_stage_asks_what_another_one_asks_or_what_was_trained_on(tmp_path: Path) -> None:
    on_the_way = road(tmp_path)
    task, _ = job(on_the_way)
    asked_by = {
        stage: [next_one for next_one, _ in zip(problems(on_the_way, "test", stage), range(30), strict=False)]
        for stage in ("trial", "shadow", "move")
    }
    digests = [task.digest(problem) for found in asked_by.values() for problem in found]
    assert len(set(digests)) == 90
    assert {task.split(problem) for found in asked_by.values() for problem in found} == {"test"}


def test_questions_go_on_where_they_stopped(tmp_path: Path) -> None:
    on_the_way = road(tmp_path)
    first = [one for one, _ in zip(questions(on_the_way, "move", "test", 0), range(5), strict=False)]
    later = [one for one, _ in zip(questions(on_the_way, "move", "test", 3), range(2), strict=False)]
    assert first[3:] == later
    assert len({one.conversation for one in first}) == 5


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("refused", True),
        ("<think>\n1: limit 30\n6: refund, 12\n</think>\nrefused", True),
        ("<think>\nrefused\n</think>\nrefund $12.00", False),
        ("The return is refused.", True),
        ("", False),
    ],
)
def test_an_answer_counts_by_what_it_decides_at_its_end(text: str, right: bool) -> None:
    assert is_right(asked(text, "refused")) == right


def test_a_rented_model_that_reasons_is_given_room(tmp_path: Path) -> None:
    assert most_tokens(road(tmp_path / "a")) == 352
    assert most_tokens(road(tmp_path / "b", "openai/gpt-5-mini")) == 2000


def test_a_workload_that_nobody_answers_is_a_stage_that_fails(tmp_path: Path) -> None:
    on_the_way = road(tmp_path)
    on_the_way.house.url = "http://127.0.0.1:9"
    on_the_way.sizes = Sizes(traffic=1)
    with contextlib.closing(open_database(tmp_path)):
        pass  # an empty data folder, in which a key can be made
    with pytest.raises(JourneyError, match="No question was answered: Connection error"):
        traffic(on_the_way)


def test_the_terms_are_not_asked_about_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store"):
        terms(road(tmp_path))


def test_without_the_libraries_that_train_the_shipped_model_is_registered_and_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journey_stages, "can_train", lambda: False)
    on_the_way = road(tmp_path)
    assert train(on_the_way).startswith("own/refund@1 is the shipped own/nano-refund; nothing was trained in this run")
    facts = on_the_way.state.facts("train")
    assert (facts["trained"], facts["parameters"]) == (False, 237_440)
