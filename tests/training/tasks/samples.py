"""The tasks that tests go through, with each way to write their steps."""

from freehold.training import tasks
from freehold.training.tasks.task import Task

TABLES: tuple[dict[str, str], ...] = (
    {"task": "arithmetic-chains"},
    {"task": "arithmetic-chains", "steps": "fine"},
    {"task": "arithmetic-mod-p"},
    {"task": "arithmetic-mod-p", "steps": "fine"},
    {"task": "linear-equations-mod-p"},
    {"task": "linear-equations-mod-p", "steps": "rows"},
    {"task": "linear-equations-mod-p", "steps": "terms"},
    {"task": "refund-policy"},
)

TASKS: list[Task] = [tasks.make(table) for table in TABLES]


def named(task: Task) -> str:
    """A test's id."""
    return f"{task.name} {getattr(task, 'steps', '')}".strip()
