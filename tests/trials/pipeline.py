"""A trial through its own functions, in the test's process, against a door that runs beside it."""

from pathlib import Path
from typing import Any, Protocol

import msgspec

from freehold.cli import trial_items
from freehold.cli.trial_opening import Shelf
from freehold.graders import build
from freehold.items import Item
from freehold.trials.asking import Door
from freehold.trials.plan import Arm, Plan, TrialFolder
from freehold.trials.planning import Wish, make_plan
from freehold.trials.results import Results
from freehold.trials.run import Job, Run
from freehold.trials.samples import SampleLog


class Where(Protocol):
    """A door that runs: `cli.house_running.House` and `gateway.door_in_process.Door` are some."""

    url: str
    key: str


EXACT: tuple[dict[str, Any], ...] = ({"kind": "exact"},)

HOUSE = """
[vendors.echo]

[vendors.skilled]
speaks = "openai-chat"
base_url = "{base_url}"

[workloads.default]
route = ["requested"]

[workloads.sums]
route = ["skilled/right-80"]

[prices."skilled/right-80"]
input = 1.0
output = 4.0

[prices."skilled/right-74"]
input = 0.5
output = 2.0
"""


def arm(model: str, input_rate: int | None = 1_000_000_000, output_rate: int | None = 4_000_000_000) -> Arm:
    """A model at one dollar for a million tokens read and four for as many written."""
    return Arm(model=model, input_rate=input_rate, output_rate=output_rate, most_output=16)


def planned(opened: Shelf, source: Path, candidate: Arm, incumbent: Arm, **wished: Any) -> Plan:
    """A plan of a trial of two models on the items of a file, written into its folder."""
    items, sha256 = trial_items.read_file(source, "sums")
    wish = Wish(
        id=wished.pop("id", "trial_test"),
        workload="sums",
        made_at=1_795_000_000_000,
        code="0.1.0",
        candidate=candidate,
        incumbent=incumbent,
        tables=wished.pop("tables", EXACT),
        source=str(source),
        source_sha256=sha256,
        **wished,
    )
    plan = make_plan(wish, items, {one.id: one.id for one in items}, opened.secret)
    TrialFolder(opened.data, plan.id).write_plan(plan)
    return plan


async def ran(opened: Shelf, plan: Plan, door: Where, **job: Any) -> Results:
    """What a run of the plan gives, asked with the door's admin key."""
    folder = TrialFolder(opened.data, plan.id)
    _, digest = folder.read_plan()
    log = SampleLog(folder.samples)
    try:
        return await Run(
            Job(
                plan=plan,
                digest=digest,
                folder=folder,
                items=trial_items.load(plan, opened),
                graders=[build(grader.table) for grader in plan.graders],
                secret=opened.secret,
                door=Door(door.url, door.key),
                **job,
            ),
            log,
            opened.replies,
            lambda doing, done, total: None,
        ).go()
    finally:
        log.close()


def item(number: int, **fields: Any) -> Item:
    """An item without a door: one question and its answer."""
    made: dict[str, Any] = {
        "id": f"item_{number:03}",
        "workload": "sums",
        "input": {"messages": [{"role": "user", "content": f"What is {number} + 1?"}]},
        "reference": str(number + 1),
    }
    return msgspec.convert(made | fields, Item)
