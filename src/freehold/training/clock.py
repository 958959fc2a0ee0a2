"""How a run keeps its minutes: what it has measured of itself, and from that when the decay of its rate must begin, or be made steeper, to end in time.

It knows seconds and numbers of steps, and no model. It exists apart because the clock is the one thing in a run that does not follow from its steps: what
it has said is kept in the checkpoint, so that a run that is resumed goes on by it.
"""

from msgspec import Struct
from msgspec.structs import replace

from freehold.training.curriculum import Pace, share
from freehold.training.recipe import Learning

ACROSS = 0.98
"""Decay of the running mean of seconds a step: about the last fifty count, so that a few slow steps move nothing much."""

PAUSED = 5
"""A single step that took so many times the mean is a machine or a process that was halted, and counts as this much: it says nothing of the steps to come. When
the next one takes as long, the machine has become slower, and counts as it is."""

SETTLED = 10
"""Steps after which the mean is known well enough to tell."""

RESERVE = 0.02
"""Share of the minutes that is left free when an end is planned; the plan is made anew when half of it is used up."""


class Clock(Struct, frozen=True, kw_only=True):
    """What a run has measured, in seconds: `elapsed` over all its lives, `step` of a step and `look` of trying the held-out problems. `counted` steps are in the
    mean."""

    elapsed: float = 0.0
    step: float = 0.0
    look: float = 0.0
    counted: int = 0
    slow: bool = False
    """Whether the last step took more than `PAUSED` times the mean."""

    def stepped(self, seconds: float, elapsed: float) -> "Clock":
        """The clock after a step of that many seconds."""
        slow = self.counted >= SETTLED and seconds > PAUSED * self.step
        if slow and not self.slow:
            seconds = PAUSED * self.step
        weight = max(1 / (self.counted + 1), 1 - ACROSS)
        mean = self.step + weight * (seconds - self.step)
        return replace(self, elapsed=elapsed, step=mean, counted=self.counted + 1, slow=slow)


def in_time(step: int, learning: Learning, every: int, pace: Pace, clock: Clock) -> Pace:
    """The pace with which a run, after this step, ends within its minutes: steps left, a look after `every` of them, and the last one. It is unchanged as long as
    there is time. Else the decay begins, when what is left is no longer than the recipe's share of the run; and one that has begun, but would come too
    late since steps take longer than they did, ends sooner. The rate never rises, and ends at 0."""
    if not learning.minutes or not clock.counted:
        return pace
    last = pace.ends if pace.ends is not None else learning.steps
    if last - step <= _steps_in(1 - RESERVE / 2, step, learning, every, clock):
        return pace
    room = max(0, _steps_in(1 - RESERVE, step, learning, every, clock))
    if pace.decay_from is None and room > step * learning.decay / max(1e-9, 1 - learning.decay):
        return pace
    return replace(pace, decay_from=step, ends=step + room, share=share(step, learning, pace))


def look_is_due(learning: Learning, clock: Clock) -> bool:
    """Whether a run must try the held-out problems now, to know by half of its minutes how long that takes."""
    return not clock.look and 0 < 60 * learning.minutes / 2 <= clock.elapsed


def _steps_in(part: float, step: int, learning: Learning, every: int, clock: Clock) -> int:
    """How many steps can be done after this one, with the looks that fall among them and the last one, until this part of the minutes is over; below 0 when it
    is. Looks are counted one by one: near the end a share of one is no look."""
    seconds = 60 * learning.minutes * part - clock.elapsed - clock.look
    each = max(1e-9, clock.step)
    rounds, rest = divmod(seconds - (every - step % every) * each, clock.look + every * each)
    if rounds < 0:
        return int(seconds / each)
    # Whole stretches between two looks fit, and of the next one what is left behind its look, or nothing.
    return int(every - step % every + rounds * every + max(0.0, rest - clock.look) / each)
