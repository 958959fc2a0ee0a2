"""The reference page of the configuration, `docs/reference/configuration.md`, made from the declarations.

    python -m freehold.config.reference > docs/reference/configuration.md

Pure. A test holds the committed page to what this renders.
"""

import sys
from collections.abc import Iterator

from msgspec import Struct, inspect

from freehold.config import toml
from freehold.config.canary_rules import CanaryRules
from freehold.config.customers import Budget, CustomerPlan, Limits, Project, Quota
from freehold.config.settings import (
    Capture,
    Conditions,
    Door,
    Engine,
    Hedge,
    Judging,
    Ledger,
    Person,
    PriceSettings,
    RedactPattern,
    Secret,
    Shadow,
    Storage,
    TargetSettings,
    Timeouts,
    VendorSettings,
    Workload,
)
from freehold.config.shape import Setting, settings_of, summary, words

HEAD = """# Configuration reference

Every setting of `freehold.toml`, with its type, its default and its meaning. This page is made from the declarations in
`src/freehold/config/settings.py` by `python -m freehold.config.reference`; to change it, change them.

All of it is optional: with no file, the vendors whose keys stand in the usual environment variables are on, and with no
key either, a small model on this machine answers. [The guide](../guides/configuration.md) walks through a file.

- Money is written in US dollars, as a number or as text (`200`, `0.25`, `"0.25"`), with at most nine decimals.
- Times are in seconds.
- Secrets are references: `{ env = "NAME" }` for an environment variable, `{ file = "PATH" }` for a file.
- Relative paths start at the folder of `freehold.toml`; `~/` is the home folder.
"""

SECTIONS: tuple[tuple[str, type[Struct]], ...] = (
    ("[door]", Door),
    ("[timeouts]", Timeouts),
    ("[ledger]", Ledger),
    ("`storage` of the ledger", Storage),
    ("[vendors.NAME]", VendorSettings),
    ("[workloads.NAME]", Workload),
    ("An entry of `route`", TargetSettings),
    ("`when` of an entry", Conditions),
    ("`hedge`", Hedge),
    ("`budget`", Budget),
    ("`limits`", Limits),
    ("`capture`", Capture),
    ("A table in `redact`", RedactPattern),
    ("`shadow`", Shadow),
    ("`canary`", CanaryRules),
    ("`judging`", Judging),
    ("[projects.NAME]", Project),
    ("[plans.NAME]", CustomerPlan),
    ("An entry of `quotas`", Quota),
    ('[prices."VENDOR/MODEL"]', PriceSettings),
    ("[own.NAME]", Engine),
    ("[people.NAME]", Person),
)


def render() -> str:
    """The page, as Markdown that ends with a line feed."""
    return HEAD + "".join(f"\n{_section(title, struct)}" for title, struct in SECTIONS)


def _section(title: str, struct: type[Struct]) -> str:
    heading = f"`{title}`" if title.startswith("[") else title
    rows = "\n".join(_rows(struct))
    return f"## {heading}\n\n{summary(struct)}\n\n| setting | type | default | meaning |\n|---|---|---|---|\n{rows}\n"


def _rows(struct: type[Struct]) -> Iterator[str]:
    for setting in settings_of(struct):
        cells = (f"`{setting.name}`", _type(setting), _default(setting), setting.description)
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _type(setting: Setting) -> str:
    if setting.unit == "usd":
        return "dollars, at least 0"
    if isinstance(setting.kind, inspect.StructType) and setting.kind.cls is Secret:
        return "a reference to a secret"
    if setting.name == "graders":
        return "a list of tables"
    if setting.name == "command":
        return "a list of words"
    if setting.name == "redact":
        return "a list of names and tables"
    if isinstance(setting.kind, inspect.VarTupleType):
        return "a table, or a list of tables" if setting.name == "budget" else 'a list of "vendor/model" and tables'
    return "a path" if setting.path else words(setting.kind)


def _default(setting: Setting) -> str:
    if setting.required:
        return "needed" if setting.name != "like" else "NAME"
    if setting.default is None or setting.default in ((), {}):
        return "none"
    return f"`{toml.value(setting.default)}`"


if __name__ == "__main__":
    sys.stdout.write(render())
