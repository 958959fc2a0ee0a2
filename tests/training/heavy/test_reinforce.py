from pathlib import Path
from typing import Any

import pytest

from freehold.errors import ConfigError
from freehold.training.heavy import reinforce, tuning
from freehold.training.heavy.reinforce import grpo, prove, rewarding, worth
from freehold.training.heavy.rows import chat_prompt
from freehold.training.progress import Alarm, Ended, Rewarded, Scored, read_progress
from freehold.training.recipe import Recipe, Reinforcing, tasks_of
from freehold.training.tasks.refund_desk import RefundDesk
from freehold.training.tasks.task import Check, Problem, Solution, StepCheck, Task, write_reply
from training.heavy.test_foreign import base as foreign_base
from training.heavy.test_foreign import digits_first, tokenizer_with, twice_begun
from training.heavy.tiny import assert_exact, begun_on, executed, finished, kept_sevens, mix_of, recipe, trained

pytestmark = pytest.mark.filterwarnings("ignore")

MIX = tasks_of(recipe())
TASK = MIX[0][0]
PROBLEM = TASK.generate(2, 1)
GOLD = TASK.solve(PROBLEM)
REWARD = Reinforcing(right=0.2, too_long=0.3)


@pytest.mark.parametrize(
    ("reply", "ended", "expected"),
    [
        (write_reply(GOLD), True, 1.0),
        (write_reply(Solution(("1+1=3",), GOLD.answer)), True, 0.2),
        (GOLD.answer, True, 0.2),
        (write_reply(Solution(GOLD.lines, f"{GOLD.answer}1")), True, 0.0),
        (write_reply(GOLD), False, 0.7),
        ("<think>\n1", True, -0.3),
    ],
)
def test_a_reply_is_worth_what_is_proven_of_it(reply: str, ended: bool, expected: float) -> None:
    assert worth(TASK, PROBLEM, reply, ended=ended, reward=REWARD) == pytest.approx(expected)


def test_length_and_foreign_letters_are_taken_from_a_reply_in_proportion() -> None:
    reward = Reinforcing(length=0.4, foreign=0.5)
    right, wrong = write_reply(GOLD), write_reply(Solution(GOLD.lines, f"{GOLD.answer}1"))
    assert worth(TASK, PROBLEM, right, ended=True, reward=reward, length=0.25) == pytest.approx(0.9)
    assert worth(TASK, PROBLEM, wrong, ended=True, reward=reward, length=0.25) == 0.0
    policy = RefundDesk()
    case = policy.generate(1, 1)
    said = Solution(("规则",), policy.solve(case).answer)
    letters = sum(sign.isalpha() for sign in said.answer)
    expected = 0.2 - 0.4 * 0.5 - 0.5 * 2 / (2 + letters)
    assert worth(policy, case, write_reply(said), ended=True, reward=reward, length=0.5) == pytest.approx(expected)


def test_a_reply_ended_when_its_last_token_is_the_stop_token() -> None:
    rewards = rewarding([(TASK, PROBLEM)], REWARD, stop=4, most=24)
    text = write_reply(GOLD)
    assert rewards(completions=[text, text], completion_ids=[[7, 4], [7, 8]], place=[0, 0]) == [1.0, 0.7]


def lax(_self: Task, _problem: Problem, trace: str) -> Check:
    """A verifier that lets everything pass."""
    return Check((StepCheck(trace, "verified", "", ""),), GOLD.answer)


def nothing(*_: Any, **__: Any) -> float:
    return 0.0


def by_letters(_task: Task, _problem: Problem, text: str, **_: Any) -> float:
    """Rewards of which each group has a spread, so that something is learned at every step."""
    return sum(text.encode()) % 7 / 7


def apart(*_: Any) -> float:
    return 0.4


def test_a_task_that_fails_its_self_test_may_not_reward(monkeypatch: pytest.MonkeyPatch) -> None:
    prove(MIX)
    monkeypatch.setattr(type(TASK), "verify", lax)
    with pytest.raises(ConfigError, match="may not reward"):
        prove(MIX)


def test_the_levels_that_are_rewarded_are_proven_and_one_that_has_no_problems_is_an_error() -> None:
    minima = {"task": "refund-policy", "options": {"kinds": ["minimum"]}}
    prove(tasks_of(recipe(mix=[{**minima, "levels": [0]}])))
    with pytest.raises(ValueError, match="of which 1 have an effect"):
        prove(tasks_of(recipe(mix=[{**minima, "levels": [0, 1]}])))


@pytest.fixture(scope="module", name="base")
def _base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory.mktemp("base") / "run", learning__steps=20)


def reinforcing(base: Path, reward: dict[str, Any] | None = None, **changes: Any) -> Recipe:
    table = {"group": 4, "prompts": 2, **(reward or {})}
    return recipe(stage="grpo", start=str(base), shape=None, reward=table, **{"learning__steps": 3, **changes})


def reinforced(base: Path, folder: Path, **reward: Any) -> list[Any]:
    folder.mkdir()
    grpo(reinforcing(base, reward), folder)
    return read_progress(folder / "progress.jsonl")


def test_every_step_tells_dead_groups_length_and_mismatch(base: Path, tmp_path: Path) -> None:
    lines = reinforced(base, tmp_path / "run")
    rewards = [line for line in lines if isinstance(line, Rewarded)]
    assert [line.step for line in rewards] == [1, 2, 3]
    assert all(0 <= line.dead <= 1 and 1 <= line.length <= 24 and line.mismatch < 1e-3 for line in rewards)
    assert (tmp_path / "run" / "model" / "model.safetensors").exists()


@pytest.mark.parametrize("lora", [None, {"rank": 2, "alpha": 4, "dropout": 0.2}])
def test_reinforcement_that_was_stopped_half_way_ends_with_the_same_bits(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lora: Any
) -> None:
    monkeypatch.setattr(reinforce, "worth", by_letters)
    made = reinforcing(base, learning__steps=6, learning__accumulate=2, watch__every=2, watch__items=2, lora=lora)
    assert_exact(tmp_path, 3, lambda folder, stopping: grpo(made, folder, stopping))


def test_a_prompt_is_learned_as_it_is_looked_at_with_one_start_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tokenizer that would put another one before the template's."""
    words = twice_begun(tokenizer_with(digits_first))
    start = foreign_base(tmp_path / "base", words)
    asked: list[list[int]] = []
    real = reinforce.generate

    def noted(model: Any, prompts: list[list[int]], **more: Any) -> Any:
        asked.extend(prompts)
        return real(model, prompts, **more)

    monkeypatch.setattr(reinforce, "generate", noted)
    made = reinforcing(start, {"group": 2, "prompts": 2}, learning__steps=1, watch__items=1)
    problems = reinforce.drawn(made, tasks_of(made), 2)
    wanted = words([chat_prompt(task.turns(problem), words) for task, problem in problems], add_special_tokens=False)[
        "input_ids"
    ]
    assert all(ids[:2] == [0, 1] for ids in wanted)
    grpo(made, tmp_path)
    assert sorted(asked) == sorted([*wanted, *wanted])


def test_groups_without_a_spread_of_rewards_end_the_run_with_an_alarm(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinforce, "worth", nothing)
    lines = reinforced(base, tmp_path / "run", patience=2)
    assert [(line.step, line.what) for line in lines if isinstance(line, Alarm)] == [(2, "dead-groups")]
    assert isinstance(lines[-1], Ended)
    assert lines[-1].step == 2


def test_replies_that_do_not_end_end_the_run_with_an_alarm(tmp_path: Path) -> None:
    untaught = trained(tmp_path / "base", learning__steps=1)
    lines = reinforced(untaught, tmp_path / "run", unfinished=0.5, patience=2, dead=1.0)
    assert [(line.step, line.what) for line in lines if isinstance(line, Alarm)] == [(2, "unfinished")]
    assert isinstance(lines[-1], Ended)
    assert (lines[-1].step, lines[-1].done) == (2, True)
    assert lines[-1].why == "For 2 steps more than 50 % of the replies did not end within 24 tokens."


def test_the_steps_of_an_alarm_are_counted_over_the_lives_of_a_run(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinforce, "worth", nothing)
    made = reinforcing(base, {"patience": 2})
    assert not grpo(made, tmp_path, lambda: True).done
    assert grpo(made, tmp_path).step == 2
    told = read_progress(tmp_path / "progress.jsonl")
    assert [(line.step, line.what) for line in told if isinstance(line, Alarm)] == [(2, "dead-groups")]


def test_an_alarm_of_a_run_that_was_killed_before_its_weights_were_written_ends_its_next_life_too(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = iter([0.0, 0.4])

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    def once(*_: Any) -> float:
        return next(found, 0.0)

    monkeypatch.setattr(reinforce, "mismatch", once)
    made = reinforcing(base, {"dead": 1.0, "unfinished": 1.0}, learning__steps=5)
    with monkeypatch.context() as patched:
        patched.setattr(tuning, "save_model", killed)
        with pytest.raises(KeyboardInterrupt):
            grpo(made, tmp_path)
    ended = grpo(made, tmp_path)
    assert (ended.step, ended.done, ended.why) == (2, True, "Sampler and trainer disagree by 0.400 nats a token.")
    told = read_progress(tmp_path / "progress.jsonl")
    assert [(line.step, line.what) for line in told if isinstance(line, Alarm)] == [(2, "mismatch")]
    assert [line.step for line in told if isinstance(line, Rewarded)] == [1, 2]
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_a_sampler_that_is_not_the_trainer_raises_the_alarm(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reinforce, "mismatch", apart)
    lines = reinforced(base, tmp_path / "run")
    assert "mismatch" in {line.what for line in lines if isinstance(line, Alarm)}


def test_two_processes_reinforce_one_model(tmp_path: Path) -> None:
    base = finished(tmp_path / "base", learning__steps=20)
    place = begun_on(base, tmp_path, "grpo", {"group": 4, "prompts": 4})
    lines = executed(place)
    rewards = [line for line in lines if isinstance(line, Rewarded)]
    assert [line.step for line in rewards] == [1, 2, 3]
    assert all(line.mismatch < 1e-3 for line in rewards)
    assert (place.weights / "model.safetensors").exists()


def test_a_workloads_own_grader_rewards(base: Path, tmp_path: Path) -> None:
    (tmp_path / "workload-1.json").write_bytes(
        kept_sevens(range(12), range(20, 23), {"kind": "includes", "words": False})
    )
    made = reinforcing(
        base, {"group": 4, "prompts": 4, "patience": 1000}, mix=mix_of(str(tmp_path / "workload-1.json"))
    )
    assert grpo(made, tmp_path).done
    lines = read_progress(tmp_path / "progress.jsonl")
    assert [line.step for line in lines if isinstance(line, Rewarded)] == [1, 2, 3]
    assert [(line.task, line.items) for line in lines if isinstance(line, Scored)] == [("sevens", 3)]
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_what_a_workloads_grader_scores_is_the_reward_less_where_a_step_is_shown_wrong(tmp_path: Path) -> None:
    (tmp_path / "items.json").write_bytes(kept_sevens(range(3), ()))
    ((task, _, _),) = tasks_of(recipe(mix=mix_of(str(tmp_path / "items.json"))))
    problem = task.generate(1, 0)
    wrong = "<think>\nSo 3 + 3 = 7.\n</think>\n7"
    found = [
        worth(task, problem, text, ended=True, reward=REWARD) for text in ("7", "<think>\n</think>\n7", "8", wrong)
    ]
    assert found == [1.0, 1.0, 0.0, 0.2]


def test_a_workload_whose_grader_lets_everything_pass_rewards_nothing(base: Path, tmp_path: Path) -> None:
    (tmp_path / "items.json").write_bytes(kept_sevens(range(3), (), {"kind": "regex", "pattern": "(?s).*"}))
    with pytest.raises(ConfigError, match="sevens may not reward: rec_0: 'the the the' scores 1"):
        grpo(reinforcing(base, mix=mix_of(str(tmp_path / "items.json"))), tmp_path)
