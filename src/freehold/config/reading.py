"""freehold.toml and the environment as `Settings`, or everything that is wrong with them, each with its line.

1 the text as TOML · 2 the sections, each by its reader · 3 what the environment and the routes switch on · 4 the
settings, if nothing was wrong. Nothing is kept between two readings: a reload that fails leaves the old settings alone.
"""

import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from msgspec import Struct

from freehold.config import toml
from freehold.config.accounts import completed, vendors, warn_of_missing_key
from freehold.config.discovery import EMBEDDED, OWN, KnownVendor, embedded, usable
from freehold.config.file import File, Problem, listed, suggest
from freehold.config.own import engines
from freehold.config.positions import KeyPath, Positions, locate
from freehold.config.projects import plans, projects
from freehold.config.routes import Names, named, target_vendor, workloads
from freehold.config.settings import (
    Door,
    Engine,
    Ledger,
    Person,
    PriceSettings,
    Settings,
    Timeouts,
    VendorSettings,
    Workload,
)
from freehold.config.shape import settings_of
from freehold.config.storage import storage
from freehold.config.tables import mapping, pairs_of, table, well_named
from freehold.errors import ConfigError

SECTIONS = ("door", "timeouts", "ledger", "vendors", "workloads", "plans", "projects", "prices", "own", "people")
MAX_BYTES = 10_000_000

_WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)\Z")


class Reading(Struct, frozen=True, kw_only=True):
    """What a reading gave. `settings` is None exactly when there are problems. `sources` says for which values the
    environment or another file gave what stands there."""

    settings: Settings | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    positions: Positions = Positions({})
    sources: dict[KeyPath, str] = {}


def read(path: Path | None, environ: Mapping[str, str], known: Mapping[str, KnownVendor]) -> Settings:
    """The settings of a file (None: of the environment alone). `known` are the built-in vendors.

    Raises `ConfigError` that names every problem with its file and line, and says what to write instead.
    """
    return settled(examine(path, environ, known))


def settled(reading: Reading) -> Settings:
    """The settings of a reading. Raises `ConfigError` with all its problems when there are none."""
    if reading.settings is None:
        raise ConfigError("\n".join(problem.text() for problem in reading.problems))
    return reading.settings


def examine(path: Path | None, environ: Mapping[str, str], known: Mapping[str, KnownVendor]) -> Reading:
    """As `read`, but the problems are part of what it gives, for `freehold check`."""
    if path is None:
        return parse("", None, Path(), environ, known)
    try:
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return _unreadable(path, "There is no such file.", "Write one with `freehold init`.")
    except OSError as problem:
        return _unreadable(path, f"It cannot be read ({problem.strerror}).")
    if len(raw) > MAX_BYTES:
        return _unreadable(path, f"It is larger than {MAX_BYTES:,} bytes, which no configuration is.")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        return _unreadable(path, "This is not UTF-8.", "Save the file as UTF-8.", line)
    return parse(text, str(path), path.absolute().parent, environ, known)


def parse(
    text: str, source: str | None, folder: Path, environ: Mapping[str, str], known: Mapping[str, KnownVendor]
) -> Reading:
    """The reading of a text. It opens nothing but the files that the text names for secrets. `source` is what messages
    call the text; `folder` is where relative paths in it start."""
    try:
        document: dict[str, object] = tomllib.loads(text, parse_float=Decimal)  # 1
        positions = locate(text)
    except tomllib.TOMLDecodeError as problem:
        return Reading(settings=None, problems=(_syntax(str(problem), text, source),))
    except RecursionError:
        return Reading(settings=None, problems=(Problem(source=source, line=1, sentence="It is nested too deeply."),))
    file = File(source=source, folder=folder, positions=positions, environ=environ, known=known)
    settings = _settings(file, document)
    problems = file.problems()
    return Reading(
        settings=None if problems else settings,  # 4
        problems=problems,
        warnings=file.warnings(),
        positions=positions,
        sources=file.sources,
    )


def _settings(file: File, document: Mapping[str, object]) -> Settings:
    _no_strange_sections(file, document)
    door = table(file, ("door",), document.get("door", {}), Door) or Door()  # 2
    timeouts = table(file, ("timeouts",), document.get("timeouts", {}), Timeouts) or Timeouts()
    ledger = table(file, ("ledger",), document.get("ledger", {}), Ledger, readers={"storage": storage}) or Ledger()
    own = engines(file, document.get("own", {}))
    accounts = vendors(file, document.get("vendors", {}), door)
    declared = pairs_of(document.get("vendors", {})) or {}
    owned = pairs_of(document.get("own", {})) or {}
    promoted = file.known[OWN].promoted if OWN in file.known else ()
    names = Names(vendors={*file.known, *declared}, own={*owned, *promoted, EMBEDDED})
    jobs = workloads(file, document.get("workloads", {}), names, timeouts)
    _traces_need_the_ledger(file, jobs, ledger)
    _capture_needs_the_ledger(file, jobs, ledger)
    offered = plans(file, document.get("plans", {}), names)
    customers = projects(file, document.get("projects", {}), names, offered)
    prices = _prices(file, document.get("prices", {}), names)
    _switch_on(file, jobs, accounts, own, declared, door)  # 3
    return Settings(
        door=door,
        timeouts=timeouts,
        ledger=ledger,
        vendors=accounts,
        workloads=jobs,
        plans=offered,
        projects=customers,
        prices=prices,
        own=own,
        people=_people(file, document.get("people", {})),
        source=file.source,
    )


def _people(file: File, written: object) -> dict[str, Person]:
    found: dict[str, Person] = {}
    for name, pairs in mapping(file, ("people",), written).items():
        person = table(file, ("people", name), pairs, Person, own={"name": name})
        if person is not None and well_named(file, ("people", name)):
            found[name] = person
    return found


def _prices(file: File, written: object, names: Names) -> dict[str, PriceSettings]:
    found: dict[str, PriceSettings] = {}
    for model, pairs in mapping(file, ("prices",), written).items():
        here = ("prices", model)
        price = table(file, here, pairs, PriceSettings, own={"model": model})
        if price is not None and named(file, here, model, names):
            found[model] = price
    return found


def _traces_need_the_ledger(file: File, jobs: Mapping[str, Workload], ledger: Ledger) -> None:
    for job in jobs.values():
        if job.trace and not ledger.enabled:
            advice = "Take out enabled = false below [ledger], or take out trace."
            file.wrong(("workloads", job.name, "trace"), "keeps what it finds in the ledger, which is off.", advice)


def _capture_needs_the_ledger(file: File, jobs: Mapping[str, Workload], ledger: Ledger) -> None:
    for job in jobs.values():
        if job.capture is not None and not ledger.enabled:
            advice = "Take out enabled = false below [ledger], or take out capture."
            said = "seals what it keeps with the ledger's contents, and the ledger is off."
            file.wrong(("workloads", job.name, "capture"), said, advice)


def _switch_on(
    file: File,
    jobs: Mapping[str, Workload],
    accounts: dict[str, VendorSettings],
    own: dict[str, Engine],
    declared: Mapping[str, object],
    door: Door,
) -> None:
    """Vendors that only a route names, the vendor `own` where there are own models, and the embedded one where a route
    names it or nothing else could answer. Every vendor that a route or a shadow names is then among the vendors."""
    for job in jobs.values():
        asked: list[tuple[KeyPath, str]] = [(("route", index), target.model) for index, target in enumerate(job.route)]
        if job.shadow is not None:
            asked.append((("shadow", "model"), job.shadow.model))
        for where, model in asked:
            vendor = target_vendor(model)
            if model == f"{OWN}/{EMBEDDED}":
                own.setdefault(EMBEDDED, embedded())
            if vendor is None or vendor in accounts or vendor not in file.known or vendor in declared:
                continue
            accounts[vendor] = completed(file, VendorSettings(name=vendor, like=vendor), door)
            warn_of_missing_key(file, ("workloads", job.name, *where), accounts[vendor])
    for name in declared:
        if name in accounts:
            warn_of_missing_key(file, ("vendors", name), accounts[name])
    if not own and not any(usable(vendor, file.known) for name, vendor in accounts.items() if name != OWN):
        own[EMBEDDED] = embedded()
    if own and OWN in file.known and OWN not in accounts and OWN not in declared:
        accounts[OWN] = completed(file, VendorSettings(name=OWN, like=OWN), door)


def _no_strange_sections(file: File, document: Mapping[str, object]) -> None:
    for name, written in document.items():
        if name in SECTIONS:
            continue
        advice = suggest(name, SECTIONS) or f"There are {listed(f'[{section}]' for section in SECTIONS)}."
        if pairs_of(written) is not None:
            file.wrong_outside(name, f"There is no section [{toml.key(name)}].", advice)
            continue
        homes = [home for home, struct in (("door", Door), ("timeouts", Timeouts)) if name in _names(struct)]
        file.wrong_outside(
            name, f'"{name}" stands outside any section.', f"Put it below [{homes[0]}]." if homes else advice
        )


def _names(struct: type[Struct]) -> list[str]:
    return [setting.name for setting in settings_of(struct)]


def _syntax(said: str, text: str, source: str | None) -> Problem:
    """What `tomllib` says, with its position as a line. The text of the line is not repeated: it may hold a key."""
    where = _WHERE.search(said)
    line = int(where[1]) if where and where[1] else max(1, len(text.splitlines()))
    column = f" at column {where[2]}" if where and where[2] else ""
    what = _WHERE.sub("", said)
    advice = "Text stands in quotes, and lists in [ ]."
    if "twice" in what or "overwrite" in what:
        advice = "Each table and each name may stand only once."
    return Problem(source=source, line=line, sentence=f"This is not TOML: {what}{column}.", advice=advice)


def _unreadable(path: Path, sentence: str, advice: str = "", line: int | None = None) -> Reading:
    problem = Problem(source=str(path), line=line, sentence=sentence, advice=advice)
    return Reading(settings=None, problems=(problem,))
