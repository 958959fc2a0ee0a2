"""A request's part in a canary: which side it is on, and with which probability. Pure data."""

from msgspec import Struct

from freehold.gateway.routing import Target
from freehold.store.canaries import Arm, Canary


class Placed(Struct, frozen=True):
    """`propensity_ppm` is the probability of the arm, in millionths, and `candidate` whom the canary is about."""

    canary: Canary
    arm: Arm
    propensity_ppm: int
    candidate: Target

    @property
    def measured(self) -> bool:
        """Whether the candidate itself must answer, or fail: a hedge by another would hide how slow it is."""
        return self.arm == "candidate" and self.canary.phase != "promoted"
