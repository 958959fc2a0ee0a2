import pytest

from freehold.errors import ConfigError
from freehold.training.heavy.calibrate import calibrate
from training.heavy.tiny import recipe

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_step_is_measured() -> None:
    found = calibrate(recipe())
    assert (found.parameters, found.precision) == (29_120, "float32")
    assert 150 < found.tokens <= 4 * 64
    assert 0 < found.seconds < 30
    assert found.memory > 100 * 2**20


def test_a_base_of_others_is_not_measured() -> None:
    with pytest.raises(ConfigError, match="before its base is here"):
        calibrate(recipe(stage="sft", start="w", shape=None))
