"""Why a setting of LiteLLM was left out."""

from freehold.config.litellm_reasons import REASONS, reason


def test_a_known_setting_has_its_own_reason() -> None:
    assert reason("general_settings", "database_url") == (
        "Freehold keeps keys, budgets and records in its data folder and needs no database."
    )
    assert reason("litellm_params", "aws_region_name") == reason("litellm_params", "api_version")
    assert reason("model_info", "supports_audio_input") == reason("model_info", "mode")


def test_an_unknown_setting_is_said_to_be_unknown() -> None:
    assert reason("general_settings", "no_such_thing") == "Freehold has no such setting."
    assert reason("no_such_section", "x") == "Freehold has no such setting."


def test_every_reason_is_a_sentence() -> None:
    for section in REASONS.values():
        for name, said in section.items():
            assert said[0].isupper() or said[0] in "`[", name
            assert said.endswith("."), name
