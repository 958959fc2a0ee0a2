"""The command line: which commands there are, and where each one lives.

Each command is a file of this folder and is imported only when it runs, so that `freehold --help` is there at once. What
a person asked for goes to stdout, everything else to stderr; errors are sentences with advice, and exit code 1.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from freehold.errors import FreeholdError

if TYPE_CHECKING:
    import typer


class Command(Struct, frozen=True):
    """One command: its words, the module and the function behind it, and its line of help."""

    words: tuple[str, ...]
    module: str
    function: str
    help: str


COMMANDS = (
    Command(("up",), "up", "up", "Start the door, and the engines of own models."),
    Command(("journey",), "journey", "journey", "Go from renting a model to owning one, here and now."),
    Command(("init",), "init", "init", "Write a commented freehold.toml."),
    Command(("check",), "check", "check", "Check freehold.toml and say what to mend."),
    Command(("call",), "call", "call", "Ask a model through the running door."),
    Command(("keys", "create"), "keys", "create", "Make a key; it is shown once."),
    Command(("keys", "list"), "keys", "list_keys", "List the keys."),
    Command(("keys", "revoke"), "keys", "revoke", "Revoke a key, at once and for good."),
    Command(("people", "create"), "people", "create", "Make a key with which a person signs what they answer for."),
    Command(("usage",), "usage", "usage", "What was used, and what it cost."),
    Command(("report",), "report", "report", "Say on whom you depend, and what leaving would save."),
    Command(("route", "explain"), "route", "explain", "Say where a request would go, and why."),
    Command(
        ("models", "list"), "models_list", "list_models", "List models with prices, abilities and retirement dates."
    ),
    Command(("models", "fetch"), "models_fetch", "fetch", "Fetch the weights of a model to run here."),
    Command(("models", "add"), "models_add", "add", "Register a version of an own model."),
    Command(("models", "show"), "models_show", "show", "Show a version: files, lineage, duties, history."),
    Command(("models", "diff"), "models_diff", "diff", "Say what differs between two versions."),
    Command(("models", "verify"), "models_verify", "verify", "Hash the registry's files again and name what changed."),
    Command(("models", "promote"), "models_promote", "promote", "Let a version serve, by a passed trial or a word."),
    Command(("models", "rollback"), "models_rollback", "rollback", "Let the version before serve again."),
    Command(("models", "export"), "models_export", "export", "Write a version's files, card and bill of materials."),
    Command(("config", "show"), "config_show", "show", "Show every setting and where its value came from."),
    Command(
        ("import", "litellm"), "import_litellm", "import_litellm", "Turn a LiteLLM configuration into freehold.toml."
    ),
    Command(("catalog", "update"), "catalog", "update", "Rebuild the catalog of models and prices from its sources."),
    Command(("items", "list"), "items_list", "list_items", "List the items that were captured or imported."),
    Command(("items", "show"), "items_show", "show", "Show one item, opened."),
    Command(("items", "import"), "items_import", "import_items", "Import items from a file."),
    Command(("items", "export"), "items_export", "export", "Write items to a file."),
    Command(("items", "label"), "items_label", "label", "Say how good a reply is, or what is right."),
    Command(("items", "split"), "items_split", "split", "Deal items into train, trial and holdout."),
    Command(("trial", "plan"), "trial_plan", "plan", "Plan a trial of a candidate against an incumbent."),
    Command(("trial", "run"), "trial_run", "run", "Run a trial, or go on with it, to its verdict."),
    Command(("trial", "label"), "trial_label", "label", "Say how good a trial's replies are, to check a judge."),
    Command(("trial", "report"), "trial_report", "report", "Write the report of a trial."),
    Command(("trial", "list"), "trial_list", "list_trials", "List the trials with their verdicts."),
    Command(("trial", "status"), "trial_status", "status", "Say how far a trial is."),
    Command(("traces", "make"), "traces_make", "make", "Have a permitted teacher answer items, step by step."),
    Command(("terms", "list"), "terms_list", "list_terms", "List what terms let be learned from whom."),
    Command(("terms", "override"), "terms_override", "override", "Answer for a use that terms do not permit."),
    Command(("train", "plan"), "train_plan", "plan", "Say what a recipe will take, and whether its rows may train."),
    Command(("train", "run"), "train_run", "run", "Train by a recipe, or go on with a run."),
    Command(("train", "list"), "train_list", "list_trainings", "List the runs."),
    Command(("train", "show"), "train_show", "show", "Say how a run stands; draw its curves."),
    Command(("train", "stop"), "train_stop", "stop", "End a run with a checkpoint."),
    Command(
        ("train", "export"), "train_export", "export", "Write a run's model for others, compared with its weights."
    ),
    Command(("audit", "verify"), "audit_verify", "verify", "Verify a receipt, or the whole ledger."),
    Command(("audit", "show"), "audit_show", "show", "Show an entry, its proof and what was said."),
    Command(("audit", "search"), "audit_search", "search", "Find entries by time, workload, model, subject, key."),
    Command(("audit", "stats"), "audit_stats", "stats", "Say how much is in the ledger, and how it stands."),
    Command(("audit", "export"), "audit_export", "export", "Write entries and proofs that open without Freehold."),
    Command(("audit", "erase"), "audit_erase", "erase", "Erase a data subject for good, and log that."),
    Command(("audit", "faithfulness"), "audit_faithfulness", "faithfulness", "Ask if answers depend on the reasoning."),
    Command(("audit", "key", "list"), "audit_key", "list_keys", "List the keys that sign the ledger."),
    Command(("audit", "key", "add"), "audit_key", "add", "Add a key that signs the ledger."),
    Command(("audit", "key", "retire"), "audit_key", "retire", "Retire a key that signs the ledger."),
    Command(("audit", "key", "rotate-master"), "audit_key", "rotate_master", "Renew what guards data subjects' keys."),
    Command(
        ("canary", "start"), "canary_start", "start", "Give a candidate a share of a workload, raised by evidence."
    ),
    Command(("canary", "status"), "canary_status", "status", "Say how canaries stand and what they have shown."),
    Command(("canary", "pause"), "canary_pause", "pause", "Hold a canary at its share."),
    Command(("canary", "resume"), "canary_resume", "resume", "Let a paused canary advance again."),
    Command(("canary", "abort"), "canary_abort", "abort", "End a canary, or take a promotion back."),
    Command(("witness",), "witness", "witness", "Run a witness, which holds somebody's ledger to one history."),
    Command(("version",), "version", "version", "Say which version this is."),
)

GROUPS = {
    "keys": "Make, list and revoke callers' keys.",
    "people": "People who answer for something, and the keys that they sign with.",
    "route": "Look into routing.",
    "models": "Models: what the catalog knows, and the registry of own ones.",
    "config": "Look into the configuration.",
    "import": "Come from another gateway.",
    "catalog": "Keep the catalog of models and prices up to date.",
    "items": "Items: what was asked and answered, for trials and training.",
    "trial": "Trials of candidate models against incumbents: plan, run, report.",
    "traces": "Traces to learn from.",
    "train": "Train models of your own by recipes.",
    "terms": "What vendors' terms let be learned from their models.",
    "audit": "The ledger: verify, read, search, export, erase, rotate keys.",
    "canary": "Move a workload to a candidate by evidence, and back.",
    "audit key": "The keys that sign the ledger, and the master key.",
}


def application(arguments: Sequence[str]) -> "typer.Typer":
    """The Typer application in which only the command that `arguments` name is imported; the others are their help."""
    import typer  # here, since a worker is a module of this package and needs no command line

    app = typer.Typer(
        name="freehold",
        help="One door in front of every model, and the way to models of your own.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    groups: dict[tuple[str, ...], typer.Typer] = {}
    for command in COMMANDS:
        asked = tuple(arguments[: len(command.words)]) == command.words
        function = _load(command) if asked else _stub(command)
        *above, name = command.words
        told = f"{command.help}\n\n{inspect.getdoc(function) or ''}" if asked else command.help
        _group(app, groups, tuple(above)).command(name, help=told, short_help=command.help)(function)
    return app


def main() -> None:
    """The entry point of `freehold`."""
    arguments = [word for word in sys.argv[1:2] if word != "--"] + sys.argv[2:]
    try:
        application(arguments)(arguments)
    except FreeholdError as error:
        print(error.sentence, file=sys.stderr)
        if error.advice:
            print(f"hint: {error.advice}", file=sys.stderr)
        sys.exit(1)
    except UnicodeEncodeError:
        garbled = [word for word in arguments if not _is_text(word)]
        if not garbled:
            raise
        print(f"{', '.join(map(repr, garbled))} is not UTF-8.\nhint: Write it in UTF-8.", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _is_text(word: str) -> bool:
    """False for an argument with bytes that are not UTF-8, which stand in it as surrogates (PEP 383)."""
    return not any("\ud800" <= sign <= "\udfff" for sign in word)


def _group(app: "typer.Typer", groups: "dict[tuple[str, ...], typer.Typer]", words: tuple[str, ...]) -> "typer.Typer":
    """The group of these words, made with those above it where it is new; without words the application."""
    import typer

    if not words:
        return app
    if words not in groups:
        group = typer.Typer(name=words[-1], help=GROUPS[" ".join(words)], no_args_is_help=True, rich_markup_mode=None)
        _group(app, groups, words[:-1]).add_typer(group)
        groups[words] = group
    return groups[words]


def _load(command: Command) -> Callable[..., Any]:
    return getattr(importlib.import_module(f"freehold.cli.{command.module}"), command.function)


def _stub(command: Command) -> Callable[..., Any]:
    def stub() -> None:
        raise AssertionError(command.words)

    return stub
