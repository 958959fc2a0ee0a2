"""`freehold terms list`: what contracts and licences let be learned from whom, as far as Freehold knows."""

from pathlib import Path
from typing import Annotated

import typer


def list_terms(
    vendor: Annotated[str | None, typer.Option(help="Only those of this vendor.")] = None,
    terms: Annotated[
        Path | None, typer.Option(help="A file of further terms, such as an order form of your own.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="As JSON, with clauses, conditions, duties and sources.")
    ] = False,
) -> None:
    """Lists the contracts with the day from which they hold. What is unknown counts as no. Not legal advice: the text on the day decides."""
    from msgspec import to_builtins

    from freehold.catalog.terms import RIGHTS, Contract, Terms, further
    from freehold.cli.audit import print_json, print_table

    def cells(contract: Contract) -> list[str]:
        marks = {"yes": "if" if contract.also else "yes", "no": "no", "unknown": "?"}
        answers = [
            "if"
            if contract.conditions.get(right) and contract.answer(right) == "yes"
            else marks[contract.answer(right)]
            for right in RIGHTS
        ]
        return [contract.id, contract.date, f"{contract.vendor}/{','.join(contract.models)}", contract.route, *answers]

    known = Terms.load(*further(terms))
    found = [contract for contract in known if vendor in (None, contract.vendor)]
    if json:
        print_json({"terms": [to_builtins(contract) for contract in found]})
        return
    print_table(("id", "date", "models", "route", *RIGHTS), map(cells, found))
