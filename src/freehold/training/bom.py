"""The bill of materials of a model: CycloneDX 1.6 in JSON, with a model card, the data that it was trained on, and its ancestors.

It knows the lineage and the form (ECMA-424, the schema of CycloneDX 1.6), and nothing else. It exists because a buyer, an auditor or a
regulator has tools that read this form, and none that read ours.
"""

import uuid
from typing import Any

from freehold import __version__
from freehold.training.lineage import Lineage, Source

SPDX = frozenset({"Apache-2.0", "MIT", "BSD-3-Clause", "CC-BY-4.0", "CC0-1.0"})
"""Identifiers that are written as such; every other licence is written by name."""

NAMESPACE = uuid.UUID("6f1c8a52-0d5e-5f5b-9d1e-6f2f6b6a7c11")
"""Of our serial numbers: a version of a model has one, always the same."""


def bill_of_materials(lineage: Lineage) -> dict[str, Any]:
    """The bill as JSON values. The same lineage gives the same bill."""
    data = [_data(lineage, place, source) for place, source in enumerate(lineage.sources)]
    refs = [part["bom-ref"] for part in data]
    model = _ref(lineage)
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(NAMESPACE, model)}",
        "version": 1,
        "metadata": {
            "timestamp": lineage.created,
            "tools": {"components": [{"type": "application", "name": "freehold", "version": __version__}]},
            "component": _model(lineage, refs),
        },
        "components": data,
        "dependencies": [{"ref": model, "dependsOn": refs}, *({"ref": ref} for ref in refs)],
    }


def _model(lineage: Lineage, refs: list[str]) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "machine-learning-model",
        "bom-ref": _ref(lineage),
        "name": lineage.model,
        "version": lineage.weights[:12],
        "description": f"For {lineage.task}; {lineage.parameters:,} parameters."
        if lineage.parameters
        else f"For {lineage.task}.",
        "hashes": [{"alg": "SHA-256", "content": lineage.weights}],
        "licenses": [_licence(name) for name in (lineage.licence, *lineage.owed.flowing)],
        "modelCard": _card(lineage, refs),
        "properties": _properties(
            run=lineage.run,
            code=lineage.code,
            start=lineage.start,
            dataset=f"sha256:{lineage.dataset}" if lineage.dataset else "",
            inherited=" ".join(f"sha256:{one}" for one in lineage.inherited),
            sealed_items=str(lineage.sealed),
            name_prefix=lineage.owed.name_prefix,
            notices=" ".join(lineage.owed.notices),
            overrides="; ".join(f"{one.terms} {one.terms_date}: {one.reason} ({one.by})" for one in lineage.overrides),
        ),
    }
    if lineage.base:
        component["pedigree"] = {"ancestors": [{"type": "machine-learning-model", "name": lineage.base}]}
    return component


def _card(lineage: Lineage, refs: list[str]) -> dict[str, Any]:
    metrics = [
        {
            "type": "share of right answers",
            "slice": f"{one.name}, {one.items} held-out items",
            "value": str(one.value),
            "confidenceInterval": {"lowerBound": str(one.low), "upperBound": str(one.high)},
        }
        for one in lineage.measured
    ]
    card: dict[str, Any] = {
        "modelParameters": {
            "task": lineage.task,
            "architectureFamily": "transformer",
            **({"modelArchitecture": lineage.architecture} if lineage.parameters else {}),
            "datasets": [{"ref": ref} for ref in refs],
        },
    }
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    if lineage.limits:
        card["considerations"] = {"technicalLimitations": list(lineage.limits)}
    return card


def _data(lineage: Lineage, place: int, source: Source) -> dict[str, Any]:
    """The rows of one producer, as a component of the type `data`."""
    component: dict[str, Any] = {
        "type": "data",
        "bom-ref": f"data:{(lineage.dataset or lineage.weights)[:12]}:{place}",
        "name": source.producer,
        "data": [{"type": "dataset", "name": source.producer, "description": _counted(source)}],
        "properties": _properties(
            route=source.route,
            terms=source.terms or "unknown",
            terms_date=source.terms_date,
            rows=str(source.rows) if source.rows else "",
        ),
    }
    if source.licence:
        component["licenses"] = [_licence(source.licence)]
    return component


def _counted(source: Source) -> str:
    return f"{source.rows:,} rows" if source.rows else "rows drawn as needed, from the training split"


def _ref(lineage: Lineage) -> str:
    return f"model:{lineage.model}@sha256:{lineage.weights}"


def _licence(name: str) -> dict[str, Any]:
    return {"license": {"id": name} if name in SPDX else {"name": name}}


def _properties(**values: str) -> list[dict[str, str]]:
    return [{"name": f"freehold:{name}", "value": value} for name, value in values.items() if value]
