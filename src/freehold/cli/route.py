"""`freehold route explain`: where a request would go, and why, as the running door sees it."""

from pathlib import Path
from typing import Annotated

import typer

PIPED_WIDTH = 200
"""Columns of the table when no terminal shows it: wide enough that no name is cut."""


def explain(
    model: Annotated[str | None, typer.Argument(help="A model (vendor/name) or a workload.")] = None,
    workload: Annotated[str | None, typer.Option(help="The workload, when the argument is a model.")] = None,
    needs: Annotated[
        list[str] | None, typer.Option("--needs", help="vision, tools, json_schema, reasoning, stream ...")
    ] = None,
    input_tokens: Annotated[int, typer.Option(help="Length of the input.")] = 0,
    max_tokens: Annotated[int | None, typer.Option(help="Cap of the output.")] = None,
    prompt: Annotated[
        str | None,
        typer.Option(help="What the user says first: a sticky route goes by it, the system's words and the key."),
    ] = None,
    system: Annotated[str | None, typer.Option(help="The system's words before it.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the door is; default: the one of this data folder.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The key; default: FREEHOLD_API_KEY, else the first admin key.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder of the running door.")] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Asks the running door which deployment would be asked first, which next, and which not at all."""
    from urllib.parse import urlencode

    import msgspec

    from freehold.cli.running import find_door, get
    from freehold.config.file import listed, suggest
    from freehold.errors import InvalidField
    from freehold.gateway.pages import FLAGS

    for need in needs or []:
        if need not in FLAGS:
            advice = suggest(need, FLAGS) or f"There are {listed(FLAGS)}."
            raise InvalidField(f"There is no need {need!r}.", advice, param="needs")
    door = find_door(url, key, data)
    asked = dict.fromkeys(needs or [], "true") | {"input_tokens": str(input_tokens)}
    if model is not None:
        asked["model"] = model
    if workload is not None:
        asked["workload"] = workload
    if max_tokens is not None:
        asked["max_tokens"] = str(max_tokens)
    if system is not None:
        asked["system"] = system
    if prompt is not None:
        asked["prompt"] = prompt
    found = get(door, f"/v1/routes/explain?{urlencode(asked)}")
    if json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("rank", "deployment", "why", "breaker", "first token", "whole", "$/M in", "$/M out"):
        table.add_column(column, overflow="fold")
    for target in found["targets"]:
        price = target["dollars_per_million"] or {"input": None, "output": None}
        paces = (target["first_token_seconds"], target["whole_seconds"])
        table.add_row(
            "-" if target["rank"] is None else str(target["rank"]),
            Text(target["deployment"]),
            Text(target["reason"]),
            target["breaker"],
            *("?" if seconds is None else f"{seconds:.2f} s" for seconds in paces),
            "?" if price["input"] is None else f"{price['input']:g}",
            "?" if price["output"] is None else f"{price['output']:g}",
        )
    console = Console()
    if not console.is_terminal:
        console = Console(width=PIPED_WIDTH)
    print(f"workload {found['workload']}, {found['strategy']}{', sticky' if found['sticky'] else ''}")
    console.print(table)
    print(f"Then: {found['failover']}.")
    canary = found.get("canary")
    if canary is not None:
        print(
            f"Before all of them {canary['candidate']}, for {100 * canary['share']:g} % of the conversations: the canary "
            f"{canary['id']} is {canary['phase']}, step {canary['step']} of {canary['steps']}."
        )
