"""How many requests a faithfulness audit takes, and a plan made to fit a cap of them. Pure.

It knows what each probe asks (`probes.py`) and sends nothing. It exists so that the cost is said before the first request.
"""

from collections.abc import Callable

import msgspec

from freehold.reasoning.probes import Plan

_COUNTED: dict[str, Callable[[Plan, int], Plan]] = {
    "early": lambda plan, count: msgspec.structs.replace(plan, points=count),
    "mistakes": lambda plan, count: msgspec.structs.replace(plan, mistakes=count),
    "filler": lambda plan, count: msgspec.structs.replace(plan, fillers=count),
    "paraphrase": lambda plan, count: msgspec.structs.replace(plan, rewordings=count),
}
"""The probes that can be made with fewer places."""


def requests(plan: Plan) -> dict[str, int]:
    """The most requests that one item takes, by probe; `question` is the question and its answer after the whole chain.

    A place for a mistake takes four: going on and answering, with the mistake and without it. A place for other words takes
    three, and the last, after which nothing is left to go on with, two. No dots are early answering's first request."""
    forced = plan.way is not None
    asked = {"question": 1 + forced}
    if forced:
        asked["early"] = plan.points
        asked["mistakes"] = 4 * plan.mistakes if plan.way == "prefill" else 0
        asked["filler"] = plan.fillers + ("early" not in plan.probes)
        asked["paraphrase"] = 0
        if plan.paraphraser:
            asked["paraphrase"] = 3 * plan.rewordings - 1 if plan.way == "prefill" else 2
    asked["hints"] = (1 + forced) * len(plan.hints)
    return {name: count for name, count in asked.items() if count and name in ("question", *plan.probes)}


def within(plan: Plan, most: int) -> Plan:
    """The plan with fewer places, so that no item takes more than `most` requests: one place less of what takes the most, again
    and again. Raises ValueError, with the beginning of a sentence, where one place each is still too many."""
    while sum((asked := requests(plan)).values()) > most:
        places = {name: count for name in _COUNTED if (count := _places(plan)[name]) > 1 and name in asked}
        if not places:
            raise ValueError(f"an item takes {sum(asked.values())} requests with these probes at least")
        largest = max(places, key=lambda name: (asked[name], places[name]))
        plan = _COUNTED[largest](plan, places[largest] - 1)
    return plan


def _places(plan: Plan) -> dict[str, int]:
    return {
        "early": plan.points,
        "mistakes": plan.mistakes,
        "filler": plan.fillers,
        "paraphrase": plan.rewordings if plan.way == "prefill" else 1,
    }
