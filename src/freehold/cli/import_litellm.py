"""`freehold import litellm`: a LiteLLM config.yaml as a freehold.toml, and what could not be carried over."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def import_litellm(
    file: Annotated[Path, typer.Argument(help="LiteLLM's config.yaml.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write it there; default: print it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For machines: toml, written, left_out.")] = False,
) -> None:
    """Prints (or writes) the freehold.toml; what could not be carried over goes to stderr, each with its reason."""
    import sys

    import msgspec

    from freehold.cli.settings import known_vendors
    from freehold.config.litellm import convert

    made = convert(read_yaml(file), known_vendors())
    if output is not None:
        _write(output, made.toml)
    if as_json:
        said = {"toml": made.toml, "written": None if output is None else str(output), "left_out": made.left_out}
        sys.stdout.write(msgspec.json.encode(said).decode() + "\n")
        return
    for left in made.left_out:
        print(f"not carried over: {left.path}: {left.reason}", file=sys.stderr)
    if output is None:
        sys.stdout.write(made.toml)
    else:
        print(f"Wrote {output}. Check it with `freehold check --config {output}`.")


def read_yaml(file: Path) -> Mapping[str, object]:
    """The mapping that a YAML file holds. Raises `ConfigError`: PyYAML missing, the file unreadable, not YAML, no
    mapping."""
    from typing import cast

    from freehold.errors import ConfigError

    yaml = _yaml()
    try:
        found: object = yaml.safe_load(file.read_text(encoding="utf-8-sig"))
    except OSError as problem:
        raise ConfigError(f"{file} cannot be read: {problem.strerror}.") from problem
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8.", "Save it as UTF-8.") from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 1}"
        raise ConfigError(
            f"{file}{line}: this is not YAML: {getattr(problem, 'problem', None) or 'it cannot be read'}."
        ) from None
    except RecursionError:
        raise ConfigError(f"{file} is nested too deeply.") from None
    if not isinstance(found, Mapping):
        raise ConfigError(f"{file} holds no mapping.", "A LiteLLM configuration begins with model_list.")
    return {str(name): value for name, value in cast(Mapping[object, object], found).items()}


def _yaml() -> Any:
    import importlib

    from freehold.errors import ConfigError

    try:
        return importlib.import_module("yaml")
    except ImportError:
        raise ConfigError(
            "Reading YAML needs the package PyYAML.", 'Install it: pip install "freehold[litellm-import]".'
        ) from None


def _write(output: Path, text: str) -> None:
    from freehold.errors import ConfigError

    try:
        with output.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise ConfigError(f"{output} is there already.", "Remove it first, or name another file.") from None
    except OSError as problem:
        raise ConfigError(f"{output} cannot be written: {problem.strerror}.") from problem
