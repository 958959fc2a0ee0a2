"""Traces from a teacher: who may teach, what is asked, what is kept, and going on after a cut."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import BudgetExhausted, ConfigError, MalformedDataset, RowForbidden
from freehold.items import Item
from freehold.reasoning.arithmetic import Arithmetic
from freehold.training.dataset import Turn, admit
from freehold.training.provenance import Pedigree, Student
from freehold.training.tasks.workload import WorkloadTask
from freehold.training.traces import (
    Answered,
    Asked,
    Attempt,
    AttemptLog,
    Made,
    Unanswered,
    Wanted,
    make_traces,
    require_teacher,
)
from training.words import override, unsigned

TERMS = Terms.load()
STUDENT = Student(name="own/sums")


def wanted(teacher: str = "deepseek/deepseek-chat", **more: Any) -> Wanted:
    return Wanted(student=STUDENT, teacher=teacher, route="api", on="2026-11-01", **more)


def item(name: str, asked: str, reference: str | None, *before: dict[str, Any], model: str = "") -> Item:
    messages = [*before, {"role": "user", "content": asked}]
    return Item(
        id=name, workload="sums", input={"messages": messages}, reference=reference, model=model, at=1_790_000_000_000
    )


ITEMS = [item("a", "2+3?", "5"), item("b", "4+4?", "8"), item("c", "1+1?", "2")]

Said = dict[str, list[Answered | Unanswered]]


class Teacher:
    """Answers as it is told, by question and sample; what is missing is wrong."""

    def __init__(self, said: Said) -> None:
        self.said = said
        self.asked: list[tuple[str, int]] = []
        self.bodies: list[dict[str, Any]] = []

    async def ask(self, body: dict[str, Any], number: int) -> Answered | Unanswered:
        question = body["messages"][-1]["content"]
        self.asked.append((question, number))
        self.bodies.append(body)
        answers = self.said.get(question, [])
        return answers[number] if number < len(answers) else Answered("0")


ASKED = Asked(teacher="deepseek/chat", route="api", grader="a")


async def made_by(
    teacher: Teacher, tmp_path: Path, want: Wanted | None = None, items: list[Item] | None = None, **more: Any
) -> Made:
    items = ITEMS if items is None else items
    task = WorkloadTask(items, {"kind": "exact"}, (Arithmetic(),))
    log = AttemptLog(tmp_path / "log.jsonl", ASKED)
    try:
        return await make_traces(want or wanted(), items, task, teacher.ask, log, TERMS, **more)
    finally:
        log.close()


GOOD: Said = {
    "2+3?": [Answered("5", "2 + 3 = 5")],
    "4+4?": [Answered("9"), Answered("8", "4 + 4 = 9, no: 8"), Answered("8", "4 + 4 = 8")],
    "1+1?": [Answered("3"), Answered("2", whole=False), Unanswered("503")],
}


async def test_what_the_grader_and_the_verifiers_pass_is_kept_with_its_pedigree(tmp_path: Path) -> None:
    teacher = Teacher(GOOD)
    made = await made_by(teacher, tmp_path, wanted(samples=3))
    assert [example.reply for example in made.dataset.examples] == [
        "<think>\n2 + 3 = 5\n</think>\n5",
        "<think>\n4 + 4 = 8\n</think>\n8",
    ]
    assert made.outcomes == {"kept": 2, "wrong": 3, "refuted": 1, "failed": 1}
    assert (made.without, made.left_out) == (("c",), {})
    assert sorted(teacher.asked) == [
        ("1+1?", 0),
        ("1+1?", 1),
        ("1+1?", 2),
        ("2+3?", 0),
        ("4+4?", 0),
        ("4+4?", 1),
        ("4+4?", 2),
    ]
    first = made.dataset.examples[0]
    assert first.turns == (Turn("user", "2+3?"),)
    assert (first.pedigree.producer, first.pedigree.terms) == ("deepseek/deepseek-chat", "deepseek-open-platform-terms")
    assert made.dataset.ancestors[first.pedigree.parents[0]].producer == "customer/sums"
    assert admit(made.dataset, STUDENT, "distil", TERMS) == ()


@pytest.mark.parametrize(
    "teacher", ["openai/gpt-5-mini", "anthropic/claude-haiku-4-5", "xai/grok-5", "groq/x", "own/nano"]
)
async def test_a_teacher_that_may_not_is_refused_by_name_before_anything_is_asked(tmp_path: Path, teacher: str) -> None:
    asked = Teacher(GOOD)
    with pytest.raises(RowForbidden, match=f"{teacher} may not teach own/sums"):
        await made_by(asked, tmp_path, wanted(teacher))
    assert asked.asked == []


def test_an_own_teacher_may_when_its_lineage_may() -> None:
    tasks = Pedigree(producer="freehold/x", route="program", terms="freehold-tasks", terms_date="2026-01-01")
    rented = Pedigree(producer="openai/x", route="api", terms="openai-services-agreement", terms_date="2026-01-01")
    require_teacher(wanted("own/micro", lineage={"d": tasks}), TERMS)
    with pytest.raises(RowForbidden, match="OpenAI Services Agreement"):
        require_teacher(wanted("own/micro", lineage={"d": rented}), TERMS)


def test_an_override_lets_a_teacher_teach() -> None:
    word = override(terms="openai-services-agreement", terms_date="2026-01-01", use="distil", student="own/sums")
    require_teacher(wanted("openai/gpt-5-mini"), TERMS, (word,))
    with pytest.raises(RowForbidden, match="The override by ops frees nothing"):
        require_teacher(wanted("openai/gpt-5-mini"), TERMS, (unsigned(word),))


async def test_a_conversation_with_words_of_a_forbidden_model_is_left_out_by_name(tmp_path: Path) -> None:
    before = ({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello, how can I help?"})
    items = [
        item("a", "2+3?", "5"),
        item("mixed", "4+4?", "8", *before, model="openai/gpt-5-mini"),
        item("free", "1+1?", "2", *before, model="deepseek/deepseek-chat"),
        item("nameless", "1+1?", "2", *before),
    ]
    teacher = Teacher({**GOOD, "1+1?": [Answered("2")]})
    made = await made_by(teacher, tmp_path, items=items)
    assert set(made.left_out) == {"mixed", "nameless"}
    assert "OpenAI Services Agreement 3.3(e)-(f)" in made.left_out["mixed"]
    assert "4+4?" not in {question for question, _ in teacher.asked}
    producers = {made.dataset.ancestors[name].producer for name in made.dataset.examples[1].pedigree.parents}
    assert producers == {"customer/sums", "deepseek/deepseek-chat"}


async def test_a_conversation_in_which_a_model_called_a_tool_is_left_out_since_its_words_are_no_text(
    tmp_path: Path,
) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look_up", "arguments": '{"said": "by gpt"}'}}
    before = (
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "five"},
    )
    teacher = Teacher(GOOD)
    made = await made_by(
        teacher, tmp_path, items=[item("a", "2+3?", "5", *before, model="openai/gpt-5-mini"), item("b", "4+4?", "8")]
    )
    assert made.left_out == {"a": "a tool is called in it"}
    assert {question for question, _ in teacher.asked} == {"4+4?"}


async def test_an_item_with_a_picture_is_left_out(tmp_path: Path) -> None:
    content: list[dict[str, Any]] = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {}}]
    picture = Item(id="p", workload="sums", input={"messages": [{"role": "user", "content": content}]}, reference="x")
    made = await made_by(Teacher({}), tmp_path, items=[picture])
    assert made.left_out == {"p": "it holds more than text"}


async def test_a_run_goes_on_where_it_was_cut_off_and_asks_nothing_twice(tmp_path: Path) -> None:
    class Poor(Teacher):
        async def ask(self, body: dict[str, Any], number: int) -> Answered | Unanswered:
            if len(self.asked) == 3:
                raise BudgetExhausted("The budget is used up.")
            return await super().ask(body, number)

    poor = Poor(GOOD)
    with pytest.raises(BudgetExhausted):
        await made_by(poor, tmp_path, wanted(samples=3), concurrency=1)
    with (tmp_path / "log.jsonl").open("ab") as file:
        file.write(b'{"item":"a","num')  # what a power cut leaves
    rich = Teacher(GOOD)
    made = await made_by(rich, tmp_path, wanted(samples=3), concurrency=1)
    assert poor.asked + rich.asked == [
        ("2+3?", 0), ("4+4?", 0), ("4+4?", 1), ("4+4?", 2), ("1+1?", 0), ("1+1?", 1), ("1+1?", 2),
    ]  # fmt: skip
    again = Teacher({"1+1?": [Answered("3"), Answered("3"), Answered("2", "1 + 1 = 2")]})
    whole = await made_by(again, tmp_path, wanted(samples=3))
    assert again.asked == [("1+1?", 2)]  # it got no answer before
    assert whole.dataset.examples[:2] == made.dataset.examples
    assert whole.without == ()


async def test_more_than_one_trace_of_an_item_can_be_wanted_and_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []

    def tell(done: int, total: int) -> None:
        told.append((done, total))

    teacher = Teacher({"2+3?": [Answered("5", "2 + 3 = 5"), Answered("6"), Answered("5", "3 + 2 = 5"), Answered("5")]})
    made = await made_by(
        teacher,
        tmp_path,
        wanted(samples=4, enough=2, body={"temperature": 0.8}),
        items=ITEMS[:1],
        progress=tell,
    )
    assert len(made.dataset.examples) == 2
    assert teacher.asked == [("2+3?", 0), ("2+3?", 1), ("2+3?", 2)]
    assert teacher.bodies[0] == {"messages": [{"role": "user", "content": "2+3?"}], "temperature": 0.8}
    assert told == [(1, 1)]


async def test_a_refusal_of_the_question_is_never_asked_again_and_an_item_without_a_reference_is_unscored(
    tmp_path: Path,
) -> None:
    teacher = Teacher({"2+3?": [Unanswered("400: too long", "never")]})
    for _ in range(2):
        made = await made_by(teacher, tmp_path, wanted(samples=2), items=[ITEMS[0], item("n", "why?", None)])
        assert teacher.asked == [("2+3?", 0), ("why?", 0), ("why?", 1)]
        assert made.outcomes == {"failed": 1, "unscored": 2}


async def test_a_refusal_that_somebody_may_mend_ends_the_item_for_this_run_alone(tmp_path: Path) -> None:
    teacher = Teacher({"2+3?": [Unanswered("400: it has no price", "later")]})
    made = await made_by(teacher, tmp_path, wanted(samples=2), items=ITEMS[:1])
    assert (teacher.asked, made.without) == ([("2+3?", 0)], ("a",))
    mended = Teacher(GOOD)
    made = await made_by(mended, tmp_path, wanted(samples=2), items=ITEMS[:1])
    assert mended.asked == [("2+3?", 0)]
    assert (len(made.dataset.examples), made.without) == (1, ())


async def test_an_answer_that_a_corrected_reference_finds_wrong_is_no_row_and_the_item_is_asked_anew(
    tmp_path: Path,
) -> None:
    said: Said = {"Which?": [Answered("A"), Answered("B")]}
    before = await made_by(Teacher(said), tmp_path, wanted(samples=1), items=[item("x", "Which?", "A")])
    assert [example.reply for example in before.dataset.examples] == ["A"]
    corrected = Teacher(said)
    after = await made_by(corrected, tmp_path, wanted(samples=2), items=[item("x", "Which?", "B")])
    assert corrected.asked == [("Which?", 0), ("Which?", 1)]
    assert [example.reply for example in after.dataset.examples] == ["B"]
    assert after.outcomes == {"wrong": 1, "kept": 1}
    back = Teacher(said)
    again = await made_by(back, tmp_path, wanted(samples=2), items=[item("x", "Which?", "A")])
    assert (back.asked, again.dataset) == ([], before.dataset)


@pytest.mark.parametrize(
    ("other", "body"),
    [
        (item("a", "3+2?", "5"), {"max_tokens": 9}),
        (item("a", "2+3?", "5"), {"max_tokens": 99}),
        (replace(item("a", "2+3?", "5"), metadata={"path": "total"}), {"max_tokens": 9}),
    ],
)
async def test_attempts_at_another_text_or_with_another_body_do_not_count(
    tmp_path: Path, other: Item, body: dict[str, Any]
) -> None:
    first = item("a", "2+3?", "5")
    await made_by(Teacher({"2+3?": [Answered("6")]}), tmp_path, wanted(samples=1, body={"max_tokens": 9}), [first])
    teacher = Teacher({"2+3?": [Answered("5", "2 + 3 = 5")], "3+2?": [Answered("5", "3 + 2 = 5")]})
    made = await made_by(teacher, tmp_path, wanted(samples=1, body=body), [other])
    assert (len(teacher.asked), made.outcomes) == (1, {"kept": 1})


def test_a_log_whose_attempts_do_not_say_what_decided_them_is_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    AttemptLog(path, ASKED).close()
    with path.open("a") as log:
        log.write('{"item":"a","number":0,"outcome":"wrong"}\n')
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="of an earlier version"):
        AttemptLog(path, ASKED)
    assert path.read_bytes() == before


def test_a_second_run_on_a_log_is_refused_and_spoils_nothing(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    one = AttemptLog(path, ASKED)
    one.append(Attempt("a", 0, "wrong", "no", decided="d"))
    (tmp_path / "link.jsonl").symlink_to(path)
    for name in ("log.jsonl", "link.jsonl"):
        with pytest.raises(ConfigError, match=r"Another run is writing its attempts to .*/log\.jsonl") as caught:
            AttemptLog(tmp_path / name, ASKED)
        assert "--out" in caught.value.advice
    one.append(Attempt("a", 1, "wrong", "no", decided="d"))
    one.close()
    two = AttemptLog(path, ASKED)
    assert [attempt.number for attempt in two.of("a", "d")] == [0, 1]
    two.close()


def test_the_log_is_its_owners_alone_and_a_broken_line_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    AttemptLog(path, ASKED).close()
    assert path.stat().st_mode & 0o777 == 0o600
    with path.open("a") as log:
        log.write("{}\n")
    for _ in range(2):  # one that cannot be read is held by nobody
        with pytest.raises(MalformedDataset, match="Line 2"):
            AttemptLog(path, ASKED)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (
            replace(ASKED, teacher="mistral/large"),
            r"of deepseek/chat \(api\), and would count as those of mistral/large",
        ),
        (replace(ASKED, route="weights"), r"of deepseek/chat \(api\), and would"),
        (replace(ASKED, grader="b"), "graded otherwise"),
    ],
)
def test_the_attempts_of_another_teacher_or_grader_are_not_gone_on_with(
    tmp_path: Path, other: Asked, said: str
) -> None:
    path = tmp_path / "log.jsonl"
    AttemptLog(path, ASKED).close()
    AttemptLog(path, ASKED).close()
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=said):
        AttemptLog(path, other)
    assert path.read_bytes() == before


def test_a_log_that_names_nobody_is_not_gone_on_with_and_one_that_was_cut_off_at_once_is(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"item":"a","number":0,"outcome":"wrong"}\n')
    with pytest.raises(ConfigError, match="of nobody it names"):
        AttemptLog(path, ASKED)
    path.write_text('{"teacher":"deep')
    AttemptLog(path, ASKED).close()
    AttemptLog(path, ASKED).close()
