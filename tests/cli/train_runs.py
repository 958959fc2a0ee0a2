"""Runs as a process that trained would have left them, for the commands that show them."""

from datetime import UTC, datetime
from pathlib import Path

from freehold.training.progress import Alarm, Ended, Note, Progress, Scored, Step
from freehold.training.recipe import parse_recipe
from freehold.training.runs import RunFolder, new_run

RECIPE = """
model = "own/small"
stage = "pretrain"
[shape]
layers = 2
width = 32
heads = 2
inner = 64
[[mix]]
task = "arithmetic-chains"
[learning]
steps = 100
rows = 4
length = 64
"""


def finished(data: Path) -> RunFolder:
    """A run that is done: loss 0.5 after 100 steps, 18 of 20 right on level 2, a row left out, an alarm on the way."""
    place = new_run(data, parse_recipe(RECIPE.encode()), datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC))
    progress = Progress(place.progress)
    for step, loss in ((50, 2.0), (100, 0.5)):
        progress.tell(
            Step(step=step, loss=loss, rate=0.01, tokens=200 * step, per_second=900.0, elapsed=step / 2, left=0.0)
        )
    progress.tell(
        Scored(
            step=100,
            task="arithmetic-chains",
            level=2,
            thinking=True,
            items=20,
            right=18,
            proven=17,
            unfinished=1,
            low=0.7,
            high=0.97,
        )
    )
    progress.tell(Note(step=0, sentence="1 of 8 rows is longer than 64 tokens and not learned."))
    progress.tell(Alarm(step=100, what="mismatch", sentence="Sampler and trainer disagree."))
    progress.tell(Ended(step=100, done=True, why="all steps are done", elapsed=50.0, tokens=20_000))
    progress.close()
    return place
