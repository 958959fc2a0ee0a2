"""`freehold models fetch`: the weights of a model that this machine can serve itself."""

from typing import Annotated

import typer


def fetch(
    name: Annotated[str, typer.Argument(help="Which weights.")] = "smollm2-135m",
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Fetches the weights, checks their SHA-256 and prints where they are. What is here already is not fetched again."""
    import msgspec

    from freehold.config.paths import cache_dir, environment
    from freehold.serving import weights

    path = weights.fetch(name, cache_dir(environment()))
    print(msgspec.json.encode({"name": name, "path": str(path)}).decode() if json else path)
