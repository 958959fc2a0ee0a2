"""`freehold canary status`: where every canary stands, what it has shown, and what it still has to."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable


def status(
    workload: Annotated[str | None, typer.Argument(help="The workload; default: all.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those before the newest one of each workload too.")] = False,
    data: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Shows the newest canary of each workload, with the tests that decide about it."""
    import contextlib

    import msgspec

    from freehold.cli.canary_store import plain, said_of_judges
    from freehold.config.paths import environment, used_data_dir
    from freehold.store.canaries import list_canaries
    from freehold.store.database import open_database
    from freehold.trials.canary import standing
    from freehold.trials.shadow import standings

    with contextlib.closing(open_database(used_data_dir(data, environment()))) as db:
        canaries = list_canaries(db, workload)
        if not every:
            newest = {canary.workload: canary for canary in reversed(canaries)}
            canaries = list(newest.values())
        shown = [plain(canary) | {"shown": standing(db, canary)} for canary in canaries]
        shadows = [one for one in standings(db) if workload in (None, one["workload"])]
    if json:
        found = {"canaries": shown, "shadows": shadows}
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    if not shown and not shadows:
        of = "" if workload is None else f" of {workload}"
        print(f"There is no canary{of}. `freehold canary start WORKLOAD --candidate M` begins one.")
    for one in shown:
        print("\n".join(_lines(one, _judges(one["shown"].get("judged"), said_of_judges))))
    for one in shadows:
        print("\n".join(_shadow_lines(one, _judges(one.get("terms", {}).get("judged"), said_of_judges))))


def _judges(judged: dict[str, Any] | None, said: "Callable[[dict[str, Any]], str]") -> list[str]:
    return [] if judged is None else [f"  judged       {said(judged)}"]


def _lines(one: dict[str, Any], judges: list[str]) -> list[str]:
    told, rules = one["shown"], one["rules"]
    phase = one["phase"].replace("_", " ")
    lines = [f"{one['workload']}: {one['candidate']}, {phase}" + (f" ({one['reason']})" if one["reason"] else "")]
    if one["phase"] in ("running", "paused"):
        steps = ", ".join(f"{step / 10_000:g} %" for step in one["steps"])
        now = f"{one['share_ppm'] / 10_000:g} %"
        lines.append(f"  share        {now}, step {one['step'] + 1} of {len(one['steps'])} ({steps})")
        lines.append(f"  at this step {told['conversations_at_step']} of {rules['min_items']} conversations")
    for arm in ("candidate", "incumbent"):
        side = told[f"{arm}_arm"]
        mean = f"mean score {side['mean_ppm'] / 1e6:.4f}" if side["scored"] else "no scores"
        lines.append(
            f"  {arm:<12} {side['requests']} requests, {side['failed']} failed, {side['scored']} conversations, {mean}"
            + (f", {side['unscored']} unscored" if side["unscored"] else "")
        )
    lines += [*_lately(told), *_difference(told), *judges, *_held(told)]
    for name, sentence in TESTS.items():
        test = told["tests"].get(name)
        if test is not None:
            part = 100 * max(0.0, test["log_e_milli"]) / test["threshold_milli"]
            reached = f"reached at {test['crossed_at']}" if "crossed_at" in test else f"{part:.0f} % of the evidence"
            lines.append(f"  {name:<12} {sentence}: {reached} (n = {test['n']})")
    return [*lines, f"  {one['id']}"]


def _shadow_lines(one: dict[str, Any], judges: list[str]) -> list[str]:
    means = " against ".join(f"{one[f'{name}_mean_ppm'] / 1e6:.4f}" for name in ("candidate", "incumbent"))
    lines = [f"{one['workload']}: {one['candidate']}, in shadow"]
    lines.append(f"  pairs        {one['pairs']} conversations, {one['failed']} failed, mean score {means}")
    lines += [*_difference(one), *judges, *_held(one)]
    for name, sentence in (("no_worse", "no worse than the margin"), ("harm", "worse")):
        if name == "no_worse" and one.get("held"):
            continue
        test = one[name]
        part = 100 * max(0.0, test["log_e_milli"]) / test["threshold_milli"]
        reached = f"shown at {test['crossed_at']}" if "crossed_at" in test else f"{part:.0f} % of the evidence"
        if name == "no_worse" and "crossed_at" in test and not one["passed"]:
            reached += ", and not passed: too many pairs have no grade"
        lines.append(f"  {name:<12} {sentence}: {reached}")
    return lines


def _lately(shown: dict[str, Any]) -> list[str]:
    """The candidate's last requests as they arrived, where these are more than were counted: an emergency ends a canary before their turn came."""
    arrived, failed = shown["recent_requests"], shown["recent_failures"]
    if arrived <= shown["candidate_arm"]["requests"]:
        return []
    return [
        f"  lately       {arrived} requests of the candidate arrived, {failed} failed; not all had their turn above yet"
    ]


def _held(shown: dict[str, Any]) -> list[str]:
    """Why "no worse" cannot be shown, where that is so."""
    return [f"  no_worse     cannot be shown: {shown['held']}"] if shown.get("held") else []


def _difference(shown: dict[str, Any]) -> list[str]:
    """The estimate with its band, which decides nothing."""
    found = shown.get("difference")
    if found is None:
        return []
    mean, low, high = (found[f"{name}_ppm"] / 1e6 for name in ("mean", "low", "high"))
    return [
        f"  difference   {mean:+.4f}, between {low:+.4f} and {high:+.4f} (a band of 95 % at all times; the tests decide)"
    ]


TESTS = {
    "no_worse": "not too much worse to go on",
    "harm": "worse, taken back",
    "errors": "fails too often, taken back",
    "blocked": "stopped by safeguards too often, taken back",
    "slow": "too slow, taken back",
    "slow_beside": "too slow beside the incumbent, without which it is not",
    "drift": "fallen since its promotion, taken back",
}
"""Each test, and what follows when it has all its evidence."""
