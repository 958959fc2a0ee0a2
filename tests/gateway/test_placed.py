"""When the candidate's own time is what counts."""

from msgspec.structs import replace

from freehold.gateway.placed import Placed
from freehold.gateway.routing import Target
from freehold.store.canaries import MILLION, Canary
from gateway.settled import deployments_of

CANARY = Canary(
    id="can_1",
    workload="triage",
    candidate="echo/echo",
    route="r",
    steps=(MILLION,),
    salt="00",
    rules={},
    created_at=0,
    changed_at=0,
)


def test_only_the_candidates_arm_of_a_canary_that_is_not_over_is_measured() -> None:
    target = Target(deployments_of("[vendors.echo]\n").get("echo/echo"), None)
    assert Placed(CANARY, "candidate", MILLION, target).measured
    assert Placed(replace(CANARY, phase="paused"), "candidate", MILLION, target).measured
    assert not Placed(CANARY, "incumbent", 0, target).measured
    assert not Placed(replace(CANARY, phase="promoted"), "candidate", MILLION, target).measured
