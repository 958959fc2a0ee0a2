"""Where a journey stands, as it is shown."""

import io

from rich.console import Console

from freehold.cli.journey_view import View

TITLES = {"door": "The door is up", "train": "An own model is trained", "proof": "Strangers verify"}


def view(*, terminal: bool = False) -> tuple[View, io.StringIO]:
    said = io.StringIO()
    return View(TITLES, Console(file=said, force_terminal=terminal, width=100, color_system=None)), said


def picture(shown: View) -> str:
    said = io.StringIO()
    Console(file=said, width=100, color_system=None).print(shown.picture())
    return " ".join(said.getvalue().split())


def test_without_a_terminal_each_event_is_a_line() -> None:
    shown, said = view()
    with shown:
        shown.begin("door")
        shown.ran(["keys", "create", "x"])
        shown.end("door", "http://127.0.0.1:1; it answers", 3.4)
        shown.end("train", "own/refund@1", 0.0, standing="kept")
        shown.end("proof", "nobody could be asked", 2.0, standing="failed")
    assert said.getvalue().splitlines() == [
        "1 The door is up ...",
        "    $ freehold keys create x",
        "1 ✓ The door is up: http://127.0.0.1:1; it answers (3 s)",
        "2 ✓ An own model is trained: own/refund@1 (before)",
        "3 ✗ Strangers verify: nobody could be asked (2 s)",
    ]


def test_without_a_terminal_progress_is_told_now_and_then_only() -> None:
    shown, said = view()
    shown.begin("train")
    for step in range(100):
        shown.doing(f"step {step}", step, 100)
    assert said.getvalue().count("step") == 1


def test_the_picture_has_every_stage_the_newest_commands_and_what_goes_on() -> None:
    shown, _ = view(terminal=True)
    for number in range(5):
        shown.ran(["items", "list", str(number)])
    shown.end("door", "it answers", 3.0)
    shown.begin("train")
    shown.doing("step 7, loss 0.5", 7, 10)
    drawn = picture(shown)
    assert "1 ✓ The door is up" in drawn
    assert "2 > An own model is trained" in drawn
    assert "3 · Strangers verify" in drawn
    assert "step 7, loss 0.5" in drawn
    assert [str(number) in drawn for number in ("items list 1", "items list 2", "items list 4")] == [False, True, True]


def test_what_a_model_says_cannot_move_the_cursor() -> None:
    shown, _ = view(terminal=True)
    shown.end("door", "a\x1b[2Jb", 1.0)
    assert "\x1b[2J" not in picture(shown)
    assert "\\x1b[2Jb" in picture(shown)
