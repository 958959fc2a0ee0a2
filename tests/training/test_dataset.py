"""Datasets: rows with hashes, cleaning, and the door that forbidden rows do not pass."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from freehold.catalog.terms import Terms
from freehold.errors import MalformedDataset, RowForbidden
from freehold.training.dataset import (
    Cleaning,
    Dataset,
    Dropped,
    Turn,
    admit,
    clean,
    decide,
    read_dataset,
    write_dataset,
)
from freehold.training.provenance import Pedigree, Student, pedigree_of_answer
from training.rows import OPENAI, TASKS, row
from training.words import override, unsigned

TERMS = Terms.load()
STUDENT = Student(name="own/micro")
CUSTOMER = Pedigree(producer="customer/claims", route="customer", terms="customer-data", terms_date="2026-01-01")


def test_a_dataset_is_its_owners_alone_from_its_first_byte_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, modes = tmp_path / "rows.jsonl", list[int]()
    replaced = Path.replace

    def seen(part: Path, to: Path) -> Path:
        modes.append(part.stat().st_mode & 0o777)
        return replaced(part, to)

    monkeypatch.setattr(Path, "replace", seen)
    before = os.umask(0o022)
    try:
        (tmp_path / "rows.jsonl.part").write_bytes(b"what a death left")
        write_dataset(Dataset((row("Who is Ann?"),)), path)
    finally:
        os.umask(before)
    assert (modes, path.stat().st_mode & 0o777) == ([0o600], 0o600)
    assert read_dataset(path) == Dataset((row("Who is Ann?"),))


def test_what_is_written_is_read_again_with_the_same_digest(tmp_path: Path) -> None:
    dataset = Dataset((row("a\nb", "<think>\n1\n</think>\nü"), row("c")), {"f" * 64: OPENAI})
    path = tmp_path / "rows.jsonl"
    write_dataset(dataset, path)
    assert read_dataset(path) == dataset
    assert read_dataset(path).digest == dataset.digest
    assert [line.split('"')[3] for line in path.read_text().splitlines()] == ["ancestor", "row", "row"]


def test_a_row_that_was_changed_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    write_dataset(Dataset((row("a"), row("b"))), path)
    for old, new in (('"text":"b"', '"text":"c"'), ("freehold/x", "freehold/y")):
        changed = tmp_path / "changed.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        changed.write_text(lines[0] + lines[1].replace(old, new))
        with pytest.raises(MalformedDataset, match="Line 2"):
            read_dataset(changed)
    path.write_text("{}\n")
    with pytest.raises(MalformedDataset, match="Line 1"):
        read_dataset(path)


@given(asked=st.text(), reply=st.text(), other=st.text(), producer=st.sampled_from(["a/b", "freehold/x"]))
@settings(max_examples=100, deadline=None)
def test_any_change_of_text_or_pedigree_is_another_hash(asked: str, reply: str, other: str, producer: str) -> None:
    example = row(asked, reply)
    assert len(example.hash) == 64
    assert (row(asked, other).hash == example.hash) == (other == reply)
    assert (row(other, reply).hash == example.hash) == (other == asked)
    changed = replace(example, pedigree=replace(TASKS, producer=producer))
    assert (changed.hash == example.hash) == (producer == "freehold/x")


def test_the_digest_depends_on_every_row_and_their_order() -> None:
    one, two = row("a"), row("b")
    digests = {
        Dataset(rows, ancestors).digest
        for rows in ((one, two), (two, one), (one,), ())
        for ancestors in ({}, {"x": TASKS}, {"y": TASKS}, {"x": OPENAI})
    }
    assert len(digests) == 16


# --- cleaning ---


def test_copies_go_and_the_first_stays() -> None:
    cleaned = clean(Dataset((row("Is it late?"), row(" is IT  late?"), row("Is it late?", "no"))))
    assert [example.reply for example in cleaned.dataset.examples] == ["yes", "no"]
    assert [(one.row, one.why.partition(" as ")[0]) for one in cleaned.dropped] == [
        (row(" is IT  late?").hash, "it is the same")
    ]


def test_every_copy_is_counted_and_copies_stay_where_they_are_wanted() -> None:
    rows = Dataset((row("a?"),) * 3 + (row("b?"),))
    cleaned = clean(rows)
    assert len(cleaned.dataset.examples) == 2
    assert cleaned.said() == "Of 4 rows 2 left out: the same as another."
    assert clean(rows, Cleaning(copies=True)).dataset == rows


def test_near_copies_go_when_that_is_asked_for() -> None:
    text = " ".join(f"word{n}" for n in range(60))
    rows = (row(text), row(text.replace("word30", "other")), row("something else altogether"))
    assert len(clean(Dataset(rows)).dataset.examples) == 3
    kept = clean(Dataset(rows), Cleaning(near=0.8)).dataset.examples
    assert [example.hash for example in kept] == [rows[0].hash, rows[2].hash]


def test_the_operators_words_make_no_two_questions_alike_nor_does_what_a_program_words() -> None:
    told = " ".join(f"word{n}" for n in range(60))
    wrapped = [replace(row("x"), turns=(Turn("system", told), Turn("user", one))) for one in ("Is it late?", "Where?")]
    assert clean(Dataset(tuple(wrapped)), Cleaning(near=0.5)).dropped == ()
    drawn = (row(f"{told} 1"), row(f"{told} 2"))
    assert len(clean(Dataset(drawn), Cleaning(near=0.5)).dropped) == 1
    assert clean(Dataset(drawn), Cleaning(near=0.5), {"freehold/x"}).dropped == ()


@pytest.mark.parametrize(
    ("asked", "reply", "why"),
    [
        ("a", " ", "no reply"),
        (" ", "a", "no question"),
        ("a", "b" * 101, "too long"),
        ("a", "<think>\nand so", "thinking does not end"),
        ("a", "caf\ufffd", "damaged"),
        ("a", "so it goes on " * 21, "loop"),
        ("a", "ha" + " ha" * 25, "loop"),
    ],
)
def test_what_is_broken_goes_with_its_reason(asked: str, reply: str, why: str) -> None:
    longest = 100 if why == "too long" else 10_000
    cleaned = clean(Dataset((row(asked, reply),)), Cleaning(longest=longest))
    assert cleaned.dataset.examples == ()
    assert [why in one.why for one in cleaned.dropped] == [True]


def test_a_long_trace_is_no_loop() -> None:
    reply = "\n".join(f"r{n}-{n}r1:3b+5c=9" for n in range(60))
    assert clean(Dataset((row("a", reply),))).dropped == ()


@pytest.mark.parametrize("reply", ["| a |\n|" + "-" * 60 + "|", "[" + "0, " * 40 + "0]", "so it is.\n</think>\n\nYes."])
def test_rules_of_tables_rows_of_zeros_and_thoughts_that_the_prompt_began_are_sound(reply: str) -> None:
    assert clean(Dataset((row("a", reply),))).dropped == ()


def test_people_are_replaced_and_the_row_remembers_what_it_was() -> None:
    before = replace(row("Write to ann@example.com", "ann@example.com it is"), pedigree=replace(TASKS, parents=("p",)))
    cleaned = clean(Dataset((before,), {"p": TASKS}), Cleaning(redact=("email",))).dataset
    after = cleaned.examples[0]
    assert (after.turns, after.reply) == ((Turn("user", "Write to [EMAIL_1]"),), "[EMAIL_1] it is")
    assert after.pedigree.parents == ("p", before.hash)
    assert cleaned.ancestors[before.hash] == before.pedigree
    assert admit(cleaned, STUDENT, "train", TERMS) == ()


def test_a_graded_row_whose_answer_would_be_another_is_left_out_and_a_programs_numbers_stay() -> None:
    told = replace(
        row("Who is ann@example.com?", "<think>\nIt is ann@example.com\n</think>\n\nann@example.com, of ours"),
        task="claims",
        problem="1",
    )
    thought = row("Who is ann@example.com?", "<think>\nann@example.com is staff\n</think>\n\nsomebody of ours")
    summed = row("079 123 45 67?", "+41 79 123 45 67")
    cleaned = clean(Dataset((told, thought, summed)), programs={"freehold/x"})
    assert cleaned.dataset.examples == (told, thought, summed)
    people = [replace(one, pedigree=CUSTOMER) for one in (told, thought)]
    cleaned = clean(Dataset((*people, summed)), programs={"freehold/x"})
    assert cleaned.dropped == (Dropped(people[0].hash, "its answer tells who somebody is"),)
    assert cleaned.dataset.examples[0].reply == "<think>\n[EMAIL_1] is staff\n</think>\n\nsomebody of ours"
    assert cleaned.dataset.examples[1] is summed
    assert cleaned.replaced == (people[1],)
    assert cleaned.said() == (
        "Of 3 rows 1 left out: its answer tells who somebody is; in 1 what identifies people is replaced."
    )
    assert clean(Dataset((row("a"), row("b")))).said() == ""
    made_of_others = replace(summed, pedigree=replace(TASKS, parents=("p",)))
    assert clean(Dataset((made_of_others,)), programs={"freehold/x"}).dataset.examples != (made_of_others,)


@pytest.mark.parametrize(
    ("asked", "reply", "why"),
    [
        ("Who wrote? ann@example.com", "ann@example.com.", "its answer tells who somebody is"),
        ("How do I reach you?", "Call +41 79 123 45 67.", "its reply tells who somebody is, and its question does not"),
        ("Reach ann.smith@example.com", "Dear Ms Smith, gladly.", "its reply rests on what was replaced"),
        ("Which host has ann@example.com?", "It is example, of course.", "its reply rests on what was replaced"),
        ("Is it [EMAIL_1]?", "No, ann@example.com.", "it holds placeholders already"),
        ("Write to ann@example.com", "I write to ANN@example.com, as you say.", None),
        ("Call +41 79 123 45 67", "So I do.", None),
    ],
)
def test_a_redacted_reply_says_nothing_that_its_question_does_not_tell(asked: str, reply: str, why: str | None) -> None:
    cleaned = clean(Dataset((row(asked, reply),)))
    assert [one.why.startswith(why or "?") for one in cleaned.dropped] == ([] if why is None else [True])
    assert len(cleaned.replaced) == (why is None)


# --- pedigree ---


def test_a_dataset_with_a_forbidden_row_does_not_pass_and_the_row_is_named() -> None:
    forbidden = row("b", pedigree=OPENAI)
    with pytest.raises(RowForbidden) as caught:
        admit(Dataset((row("a"), forbidden)), STUDENT, "train", TERMS)
    assert caught.value.sentence.startswith("1 of 2 rows may not train own/micro.")
    assert forbidden.hash[:12] in caught.value.sentence
    assert "openai/gpt-5-mini" in caught.value.sentence
    assert "3.3(e)-(f)" in caught.value.sentence


def test_an_override_lets_it_pass_and_is_handed_on() -> None:
    word = override(terms=OPENAI.terms, terms_date=OPENAI.terms_date, use="train", student="own/micro")
    rows = Dataset((row("a"), row("b", pedigree=OPENAI), row("c", pedigree=OPENAI)))
    assert admit(rows, STUDENT, "train", TERMS, (word,)) == (word,)
    with pytest.raises(RowForbidden, match="The override by ops frees nothing"):
        admit(rows, STUDENT, "train", TERMS, (unsigned(word),))


def test_a_student_starts_only_from_weights_that_may_be_changed() -> None:
    rows = Dataset((row("a"),))
    qwen = pedigree_of_answer("qwen/qwen3-0.6b", "2026-06-01", TERMS, route="weights")
    llama = pedigree_of_answer("meta/llama-3.2-1b", "2026-06-01", TERMS, route="weights")
    assert admit(rows, replace(STUDENT, base="qwen/qwen3-0.6b"), "train", TERMS, base=qwen) == ()
    assert admit(rows, Student(name="own/Llama-x", base="meta/llama-3.2-1b"), "train", TERMS, base=llama) == ()
    with pytest.raises(RowForbidden, match="begins with Llama"):
        admit(rows, replace(STUDENT, base="meta/llama-3.2-1b"), "train", TERMS, base=llama)
    with pytest.raises(RowForbidden, match="come without a pedigree"):
        admit(rows, replace(STUDENT, base="qwen/qwen3-0.6b"), "train", TERMS)
    with pytest.raises(RowForbidden, match="come without a pedigree"):
        admit(rows, replace(STUDENT, base="qwen/qwen3-0.6b"), "train", TERMS, base=llama)
    with pytest.raises(RowForbidden, match="0 of 1 rows may not train own/micro, nor may its base be changed"):
        admit(rows, STUDENT, "train", TERMS, base=qwen)


def test_many_forbidden_rows_are_counted_and_a_few_are_named() -> None:
    rows = Dataset(tuple(row(str(n), pedigree=OPENAI) for n in range(30)))
    with pytest.raises(RowForbidden, match=r"30 of 30 rows .* And 25 more\."):
        admit(rows, STUDENT, "train", TERMS)
    assert sum(decision.allowed for decision in decide(rows, STUDENT, "evaluate", TERMS)) == 30


@given(
    st.lists(
        st.sampled_from(
            [
                TASKS,
                OPENAI,
                Pedigree(
                    producer="anthropic/x", route="api", terms="anthropic-commercial-terms", terms_date="2025-06-17"
                ),
                Pedigree(producer="somebody/x", route="api"),
                replace(TASKS, parents=("openai",)),
                replace(TASKS, parents=("nobody",)),
                replace(TASKS, purpose="evaluate"),
            ]
        ),
        max_size=8,
    )
)
def test_a_dataset_passes_only_when_every_row_may(pedigrees: list[Pedigree]) -> None:
    rows = Dataset(tuple(row(str(n), pedigree=one) for n, one in enumerate(pedigrees)), {"openai": OPENAI})
    if all(one == TASKS for one in pedigrees):
        assert admit(rows, STUDENT, "distil", TERMS) == ()
    else:
        with pytest.raises(RowForbidden):
            admit(rows, STUDENT, "distil", TERMS)
