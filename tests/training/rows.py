"""Rows for tests."""

from freehold.training.dataset import Example, Turn
from freehold.training.provenance import Pedigree

TASKS = Pedigree(producer="freehold/x", route="program", terms="freehold-tasks", terms_date="2026-01-01")
OPENAI = Pedigree(producer="openai/gpt-5-mini", route="api", terms="openai-services-agreement", terms_date="2026-01-01")


def row(asked: str, reply: str = "yes", pedigree: Pedigree = TASKS, task: str = "", problem: str = "") -> Example:
    """One row with a single turn."""
    return Example(turns=(Turn("user", asked),), reply=reply, pedigree=pedigree, task=task, problem=problem)
