"""Writes the reference pages that are made from the code. `make docs` runs it; `tests/architecture/test_docs.py` compares.

python tools/render_docs.py
"""

import inspect
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import typer.main
from msgspec import Struct

from freehold import errors
from freehold.cli import COMMANDS, application
from freehold.config import reference, toml
from freehold.config.shape import Setting, settings_of, words
from freehold.dialects.dialect import Traits
from freehold.errors import FreeholdError
from freehold.graders import load as load_graders
from freehold.graders.grader import AnyGrader, AskingGrader, Grader, Options, PairwiseGrader
from freehold.graders.json_values import FieldRule
from freehold.vendors import load
from freehold.vendors.vendor import Vendor

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"

MADE = "This page is made from `{source}` by `make docs`; to change it, change that.\n"


# --- errors ----------------------------------------------------------------------------------------------------------

ERRORS = """# Errors

Every error that Freehold raises on purpose. {made}
A caller gets it in the error body of its own dialect, with the status: the code stands in `error.code` (Chat, Responses) or
`error.details.error_code` (Messages), what happened and the advice in `error.message`. Codes are stable and never reused.
Where the official SDKs' users already look for a word of the vendor's own, that word stands there instead: a budget that is
used up says `insufficient_quota`, and a vendor's refusal says what the vendor said.

| code | status | what happened | advice |
|---|---|---|---|
"""

ERRORS_END = """
`vendor-refused` carries the vendor's own status. The codes without a status belong to the command line: the sentence and
the advice go to stderr, and the exit code is 1.
"""

ON_THE_COMMAND_LINE = {"config-error", "store-error", "catalog-error", "fetch-error", "trial-error", "invalid-grader"}


def errors_page() -> str:
    """`errors.md`: one row for each leaf of the tree, in the tree's order; the others only group them."""
    rows = [error_row(kind) for kind in tree(FreeholdError) if not kind.__subclasses__()]
    return ERRORS.format(made=MADE.format(source="src/freehold/errors.py")) + "".join(rows) + ERRORS_END


def tree(kind: type[FreeholdError]) -> list[type[FreeholdError]]:
    """The class and all below it, parents first."""
    found = [kind]
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            found += tree(child)
    return found


def error_row(kind: type[FreeholdError]) -> str:
    """One row of the table."""
    status = (
        "" if kind.code in ON_THE_COMMAND_LINE else "its own" if kind.code == "vendor-refused" else str(kind.status)
    )
    return row(f"`{kind.code}`", status, what_happened(kind), kind.default_advice)


def what_happened(kind: type[FreeholdError]) -> str:
    """The class's own docstring as one line; where it has none, its code in words."""
    doc: str | None = kind.__dict__.get("__doc__")
    return " ".join(inspect.cleandoc(doc).split()) if doc else f"{kind.code.replace('-', ' ').capitalize()}."


# --- commands --------------------------------------------------------------------------------------------------------

COMMANDS_HEAD = """# Commands

Every command of `freehold`. {made}
What you asked for goes to stdout, everything else to stderr. An error is a sentence with advice, and exit code 1.
"""


def commands_page() -> str:
    """`commands.md`: one section for each command, with its arguments and options."""
    return COMMANDS_HEAD.format(made=MADE.format(source="src/freehold/cli/")) + "".join(map(command_section, COMMANDS))


def command_section(command: Any) -> str:
    """The section of one command."""
    found: Any = typer.main.get_command(application(command.words))
    for word in command.words:
        found = found.commands[word]
    text = inspect.cleandoc(inspect.getdoc(found.callback.__wrapped__) or command.help)
    shown = [parameter for parameter in found.params if parameter.name != "help"]
    usage = " ".join(
        ["freehold", *command.words, *(usage_of(one) for one in shown if one.param_type_name == "argument")]
    )
    rows = "".join(parameter_row(parameter) for parameter in shown)
    table = f"\n| | default | |\n|---|---|---|\n{rows}" if rows else ""
    return f"\n## `freehold {' '.join(command.words)}`\n\n{command.help}\n\n```\n{usage}\n```\n\n{text}\n{table}"


def usage_of(argument: Any) -> str:
    """How an argument stands in the line of usage."""
    name = argument.name.upper()
    return name if argument.required else f"[{name}]"


def parameter_row(parameter: Any) -> str:
    """One row for an argument or an option."""
    if parameter.param_type_name == "argument":
        names = f"`{usage_of(parameter)}`"
    else:
        names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    default = "" if parameter.default in (None, False, ()) or callable(parameter.default) else f"`{parameter.default}`"
    return row(names, "needed" if parameter.required else default, parameter.help or "")


# --- vendors ---------------------------------------------------------------------------------------------------------

VENDORS = """# Vendors

Every vendor that is built in. {made}
Any other is a `[vendors.NAME]` table in `freehold.toml` ([the guide](../guides/configuration.md#vendors-and-keys)), or a
package with an entry point in the group `freehold.vendors`. Each of these can be pointed elsewhere by its `base_url`.

| name | who | speaks | key from | base URL | read from |
|---|---|---|---|---|---|
"""


def vendors_page() -> str:
    """`vendors.md`: one row for each built-in vendor."""
    vendors = [vendor for _, vendor in sorted(load().items())]
    rows = "".join(map(vendor_row, vendors))
    sections = "".join(map(vendor_section, vendors))
    return VENDORS.format(made=MADE.format(source="src/freehold/vendors/")) + rows + sections


def vendor_row(vendor: Vendor) -> str:
    """One row of the table."""
    return row(
        f"`{vendor.name}`",
        vendor.title,
        ", ".join(f"`{speaks.dialect}`" for speaks in vendor.speaks),
        ", ".join(f"`{name}`" for name in vendor.key_env)
        or ("the configuration" if vendor.needs_key else "none needed"),
        f"`{vendor.base_url}`" if vendor.base_url else "yours",
        f"{vendor.docs} ({vendor.read_on})" if vendor.docs.startswith("http") else "",
    )


def vendor_section(vendor: Vendor) -> str:
    """What it refuses, renames and cannot do, for each dialect and family of models; empty when nothing."""
    told = [(f"`{one.dialect}`", said(one.traits)) for one in vendor.speaks]
    told += [(f"`{one.dialect}`, models `{one.pattern}`", said(one.traits)) for one in vendor.models]
    lines = "".join(f"- {where}: {what}\n" for where, what in told if what)
    return f"\n## `{vendor.name}`\n\n{lines}" if lines else ""


def said(traits: Traits) -> str:
    """The traits that differ from the dialect, as a phrase."""
    phrases: list[str] = []
    if traits.refuses:
        phrases.append("refuses " + ", ".join(f"`{name}`" for name in sorted(traits.refuses)))
    if traits.renames:
        phrases.append(", ".join(f"calls `{ours}` `{theirs}`" for ours, theirs in sorted(traits.renames.items())))
    if traits.no_abilities:
        phrases.append("cannot do " + ", ".join(f"`{name}`" for name in sorted(traits.no_abilities)))
    if traits.efforts:
        phrases.append(
            "efforts " + ", ".join(f"`{ours}` as `{theirs}`" for ours, theirs in sorted(traits.efforts.items()))
        )
    if traits.reasoning_style == "none":
        phrases.append("does not reason")
    return "; ".join(phrases)


# --- graders ---------------------------------------------------------------------------------------------------------

GRADERS = """# Graders

Every grader that is built in. {made}
A workload lists its graders, `graders = [{{ kind = "exact" }}]`, and the first one decides a trial; [the guide](../guides/graders.md)
says which to take and how to write another. A score is 0 to 1. *Unscored* means that the grader cannot tell, with the reason, and
is never counted as wrong. An empty reply scores 0. The version changes when any score could, and is part of a trial's plan.

| kind | version | |
|---|---|---|
"""

GRADERS_EVERY = """
Every grader also takes:

"""

GRADERS_RULE = """
## A rule of `json_fields`

{summary}

"""

SORTS: dict[type[Any], str] = {
    Grader: "Grades by itself.",
    AskingGrader: "Asks models through the door, where it needs them.",
    PairwiseGrader: "Asks models, through the door, about two replies.",
}


def graders_page() -> str:
    """`graders.md`: one section for each grader, with its options."""
    kinds = list(load_graders().values())
    rows = "".join(row(f"[`{kind.name}`](#{kind.name})", kind.version, first_sentence(kind)) for kind in kinds)
    rule = GRADERS_RULE.format(summary=doc_of(FieldRule)) + options_table(FieldRule)
    return (
        GRADERS.format(made=MADE.format(source="src/freehold/graders/"))
        + rows
        + GRADERS_EVERY
        + options_table(Options)
        + "".join(map(grader_section, kinds))
        + rule
    )


def grader_section(kind: type[AnyGrader]) -> str:
    """What one grader says and takes."""
    sort = next(text for base, text in SORTS.items() if issubclass(kind, base))
    every = {setting.name for setting in settings_of(Options)}
    own = [setting for setting in settings_of(kind.takes) if setting.name not in every]
    table = f"\n{options_table(kind.takes, every)}" if own else ""
    return f"\n## `{kind.name}`\n\n{doc_of(kind)} {sort}\n{table}"


def options_table(struct: type[Any], without: Collection[str] = ()) -> str:
    """The options of a grader, one a row."""
    rows = "".join(
        row(f"`{one.name}`", words(one.kind), option_default(one), one.description)
        for one in settings_of(struct)
        if one.name not in without
    )
    return f"| option | type | default | meaning |\n|---|---|---|---|\n{rows}"


def option_default(option: Setting) -> str:
    """What holds when the option is left out."""
    if option.required:
        return "needed"
    if option.default is None or option.default in ((), {}, "") or isinstance(option.default, Struct):
        return "none"
    return f"`{toml.value(option.default)}`"


def doc_of(kind: type[Any]) -> str:
    """The class's docstring as one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split())


def first_sentence(kind: type[Any]) -> str:
    """The first sentence of the docstring."""
    return doc_of(kind).split(". ")[0].split(": ")[0].rstrip(".") + "."


# --- all -------------------------------------------------------------------------------------------------------------

PAGES: dict[str, Callable[[], str]] = {
    "commands.md": commands_page,
    "configuration.md": reference.render,
    "errors.md": errors_page,
    "graders.md": graders_page,
    "vendors.md": vendors_page,
}
"""The pages that are made from the code, by file name."""


def row(*cells: str) -> str:
    """One row of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def main() -> None:
    """Writes all pages."""
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page())


if __name__ == "__main__":
    main()
