"""`freehold call`: one question to a model, through the running door, answered on stdout as it is written."""

from pathlib import Path
from typing import Annotated

import typer


def call(
    text: Annotated[str, typer.Argument(help="What to say; `-` reads it from standard input.")],
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="vendor/model or a workload; default: the first that the door lists."),
    ] = None,
    system: Annotated[str | None, typer.Option(help="Instructions that stand before it.")] = None,
    max_tokens: Annotated[int | None, typer.Option(help="Cap of the answer, in tokens.")] = None,
    url: Annotated[str | None, typer.Option(help="Where the door is; default: the one of this data folder.")] = None,
    key: Annotated[
        str | None, typer.Option(help="The key; default: FREEHOLD_API_KEY, else the first admin key.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The data folder of the running door.")] = None,
    reasoning: Annotated[
        bool, typer.Option("--reasoning", "-r", help="What the model thinks first too, on stderr, where it says so.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The whole answer as JSON, not streamed.")] = False,
) -> None:
    """Asks once and prints the answer. The receipt's id goes to stderr."""
    import sys

    from freehold.cli.running import find_door, get, post, unbroken

    door = find_door(url, key, data)
    if text == "-":
        text = sys.stdin.read()
    if model is None:
        listed = [row["id"] for row in get(door, "/v1/models")["data"] if row["kind"] == "model"]
        model = listed[0] if listed else ""  # own models come first
    messages = ([{"role": "system", "content": system}] if system else []) + [{"role": "user", "content": text}]
    body: dict[str, object] = {"model": model, "messages": messages, "stream": not json}
    if max_tokens is not None:
        body["max_tokens"] = max_tokens
    response = post(door, "/v1/chat/completions", body)
    with unbroken():
        if json:
            print(response.read().decode())
        else:
            _print_stream(response, reasoning=reasoning)
    print(
        f"{response.getheader('x-freehold-model')}, receipt {response.getheader('x-freehold-receipt')}", file=sys.stderr
    )


def _print_stream(response: object, *, reasoning: bool) -> None:
    import http.client
    import sys

    import msgspec

    from freehold.errors import StreamBroken

    assert isinstance(response, http.client.HTTPResponse)
    done, begun, thought = False, False, ""
    for line in response:
        done = done or line.startswith(b"data: [DONE]")
        if done or not line.startswith(b"data: "):
            continue
        event = msgspec.json.decode(line[6:])
        if "error" in event:
            print()
            raise StreamBroken(event["error"]["message"])
        for choice in event["choices"]:
            delta = choice["delta"]
            if reasoning and (said := delta.get("reasoning_content") or delta.get("reasoning")):
                thought = said
                print(said, end="", file=sys.stderr, flush=True)
            text = delta.get("content") or ""
            if not begun:  # models that think first put a line between their thoughts and the answer
                text = text.lstrip("\n")
            if text and not begun and thought and not thought.endswith("\n"):
                print(file=sys.stderr)
            begun = begun or bool(text)
            print(text, end="", flush=True)
    print()
    if not done:  # `http.client` takes a connection that ends between two chunks for the end of the answer
        raise StreamBroken("The door was gone before the answer was whole.", "Ask again.")
