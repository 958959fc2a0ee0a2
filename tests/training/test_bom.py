"""The bill of materials, against the official schema of CycloneDX 1.6 and its official library."""

import json
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from msgspec.structs import replace

from freehold.training.bom import bill_of_materials
from freehold.training.lineage import Lineage
from training.test_card import FULL, LINEAGE


@pytest.fixture(scope="module")
def validator() -> JsonStrictValidator:
    return JsonStrictValidator(SchemaVersion.V1_6)


@pytest.mark.parametrize("lineage", [LINEAGE, FULL], ids=["from scratch", "tuned"])
def test_the_bill_is_valid_by_the_official_schema(validator: JsonStrictValidator, lineage: Lineage) -> None:
    assert validator.validate_str(json.dumps(bill_of_materials(lineage))) is None


def test_a_bill_that_is_not_would_be_caught(validator: JsonStrictValidator) -> None:
    bill = bill_of_materials(LINEAGE)
    bill["metadata"]["component"]["modelCard"]["modelParameters"]["colour"] = "red"
    assert validator.validate_str(json.dumps(bill)) is not None


def test_it_names_the_model_its_data_and_its_ancestors() -> None:
    bill = bill_of_materials(FULL)
    model: dict[str, Any] = bill["metadata"]["component"]
    assert (model["name"], model["hashes"]) == ("own/Llama-claims", [{"alg": "SHA-256", "content": "ab" * 32}])
    assert model["licenses"] == [{"license": {"id": "Apache-2.0"}}, {"license": {"name": "LicenseRef-Llama-4"}}]
    assert model["pedigree"]["ancestors"] == [{"type": "machine-learning-model", "name": "meta/llama-3.2-1b"}]
    assert model["modelCard"]["quantitativeAnalysis"]["performanceMetrics"][0] == {
        "type": "share of right answers",
        "slice": "refund-policy, level 3, 1200 held-out items",
        "value": "0.9425",
        "confidenceInterval": {"lowerBound": "0.9281", "upperBound": "0.9541"},
    }
    assert {part["name"]: part["properties"][1]["value"] for part in bill["components"]} == {
        "freehold/refund-policy": "freehold-tasks",
        "a|b": "unknown",
    }
    properties = {one["name"]: one["value"] for one in model["properties"]}
    assert properties["freehold:name_prefix"] == "Llama"
    assert properties["freehold:overrides"] == "x 2026-01-01: Order form 7. (legal)"


def test_of_weights_that_nobody_counted_neither_size_nor_architecture_is_claimed(
    validator: JsonStrictValidator,
) -> None:
    bill = bill_of_materials(replace(LINEAGE, run="", parameters=0))
    assert validator.validate_str(json.dumps(bill)) is None
    model = bill["metadata"]["component"]
    assert model["description"] == "For refund-policy."
    assert "modelArchitecture" not in model["modelCard"]["modelParameters"]


def test_the_same_lineage_gives_the_same_bill_and_other_weights_another_serial_number() -> None:
    assert bill_of_materials(LINEAGE) == bill_of_materials(LINEAGE)
    assert bill_of_materials(LINEAGE)["serialNumber"] != bill_of_materials(FULL)["serialNumber"]
