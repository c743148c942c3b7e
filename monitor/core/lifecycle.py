"""The life of one visit of a call to a queue: the transition table and nothing else.

Every stage answers to every kind of event, so there is no illegal case left to an `else`. What a
source sends twice, late or out of order has its own action; `tracker.py` carries the actions out.

             queued            answered           end after the answer
      NEW ----------> WAITING ----------> TALKING ----------> FINISHED
                         |                   |
                         | end unanswered    | no end ever came
                         v                   v
                        LEFT               LAPSED

A visit may begin with any event (its earlier ones were lost or are still on their way), and a
LAPSED one is taken up again by whatever still comes: that end was ours, not the source's.

Pure: no I/O, no clock.
"""

from enum import IntEnum
from typing import Final

from monitor.core import events


class Stage(IntEnum):
    """Where a visit is."""

    NEW = 0
    WAITING = 1
    TALKING = 2
    LEFT = 3  # ended unanswered
    FINISHED = 4  # ended after the answer
    LAPSED = 5  # ended by us: too old, pushed out, or the source restarted


class Kind(IntEnum):
    """What can happen to a visit."""

    QUEUED = 0
    ANSWERED = 1
    ABANDONED = 2
    DEQUEUED = 3
    DISCONNECTED = 4
    COMPLETED = 5
    TRANSFERRED = 6
    LAPSE = 7


class Action(IntEnum):
    """What the tracker has to do."""

    ENTER = 0  # begin to wait
    ANSWER = 1
    LEAVE = 2  # end unanswered
    FINISH = 3  # end after the answer
    ANSWER_AND_FINISH = 4  # the end of a conversation whose answer was not seen
    LAPSE = 5
    CONFIRM = 6  # fill in what was inferred so far; else a duplicate
    REENTER = 7  # a new visit when it is later than the end; else as CONFIRM
    AMEND_ANSWER = 8  # an answer that was overtaken by the end
    AMEND_END = 9  # the real end of a lapsed visit
    REVIVE = 10  # a lapsed visit goes on
    CONTRADICT = 11  # counted and left alone: the first story holds
    DUPLICATE = 12


TRANSITIONS: Final[dict[Stage, dict[Kind, tuple[Stage, Action]]]] = {
    Stage.NEW: {
        Kind.QUEUED: (Stage.WAITING, Action.ENTER),
        Kind.ANSWERED: (Stage.TALKING, Action.ANSWER),
        Kind.ABANDONED: (Stage.LEFT, Action.LEAVE),
        Kind.DEQUEUED: (Stage.LEFT, Action.LEAVE),
        Kind.DISCONNECTED: (Stage.LEFT, Action.LEAVE),
        Kind.COMPLETED: (Stage.FINISHED, Action.ANSWER_AND_FINISH),
        Kind.TRANSFERRED: (Stage.FINISHED, Action.ANSWER_AND_FINISH),
        Kind.LAPSE: (Stage.NEW, Action.DUPLICATE),
    },
    Stage.WAITING: {
        Kind.QUEUED: (Stage.WAITING, Action.CONFIRM),
        Kind.ANSWERED: (Stage.TALKING, Action.ANSWER),
        Kind.ABANDONED: (Stage.LEFT, Action.LEAVE),
        Kind.DEQUEUED: (Stage.LEFT, Action.LEAVE),
        Kind.DISCONNECTED: (Stage.LEFT, Action.LEAVE),
        Kind.COMPLETED: (Stage.FINISHED, Action.ANSWER_AND_FINISH),
        Kind.TRANSFERRED: (Stage.FINISHED, Action.ANSWER_AND_FINISH),
        Kind.LAPSE: (Stage.LAPSED, Action.LAPSE),
    },
    Stage.TALKING: {
        Kind.QUEUED: (Stage.TALKING, Action.CONFIRM),
        Kind.ANSWERED: (Stage.TALKING, Action.CONFIRM),
        Kind.ABANDONED: (Stage.TALKING, Action.CONTRADICT),
        Kind.DEQUEUED: (Stage.TALKING, Action.CONTRADICT),
        Kind.DISCONNECTED: (Stage.FINISHED, Action.FINISH),
        Kind.COMPLETED: (Stage.FINISHED, Action.FINISH),
        Kind.TRANSFERRED: (Stage.FINISHED, Action.FINISH),
        Kind.LAPSE: (Stage.LAPSED, Action.LAPSE),
    },
    Stage.LEFT: {
        Kind.QUEUED: (Stage.WAITING, Action.REENTER),
        Kind.ANSWERED: (Stage.FINISHED, Action.AMEND_ANSWER),
        Kind.ABANDONED: (Stage.LEFT, Action.DUPLICATE),
        Kind.DEQUEUED: (Stage.LEFT, Action.DUPLICATE),
        Kind.DISCONNECTED: (Stage.LEFT, Action.DUPLICATE),
        Kind.COMPLETED: (Stage.LEFT, Action.DUPLICATE),
        Kind.TRANSFERRED: (Stage.LEFT, Action.DUPLICATE),
        Kind.LAPSE: (Stage.LEFT, Action.DUPLICATE),
    },
    Stage.FINISHED: {
        Kind.QUEUED: (Stage.WAITING, Action.REENTER),
        Kind.ANSWERED: (Stage.FINISHED, Action.CONFIRM),
        Kind.ABANDONED: (Stage.FINISHED, Action.DUPLICATE),
        Kind.DEQUEUED: (Stage.FINISHED, Action.DUPLICATE),
        Kind.DISCONNECTED: (Stage.FINISHED, Action.DUPLICATE),
        Kind.COMPLETED: (Stage.FINISHED, Action.DUPLICATE),
        Kind.TRANSFERRED: (Stage.FINISHED, Action.DUPLICATE),
        Kind.LAPSE: (Stage.FINISHED, Action.DUPLICATE),
    },
    Stage.LAPSED: {
        Kind.QUEUED: (Stage.WAITING, Action.REENTER),
        Kind.ANSWERED: (Stage.TALKING, Action.REVIVE),
        Kind.ABANDONED: (Stage.LEFT, Action.AMEND_END),
        Kind.DEQUEUED: (Stage.LEFT, Action.AMEND_END),
        Kind.DISCONNECTED: (Stage.LEFT, Action.AMEND_END),
        Kind.COMPLETED: (Stage.FINISHED, Action.AMEND_END),
        Kind.TRANSFERRED: (Stage.FINISHED, Action.AMEND_END),
        Kind.LAPSE: (Stage.LAPSED, Action.DUPLICATE),
    },
}

# What happens to the call before any visit: not a kind of the table.
STARTED: Final = -1

KIND_OF_TYPE: Final = {
    events.CALL_STARTED: STARTED,
    events.CALL_QUEUED: int(Kind.QUEUED),
    events.CALL_ANSWERED: int(Kind.ANSWERED),
    events.CALL_ABANDONED: int(Kind.ABANDONED),
    events.CALL_DEQUEUED: int(Kind.DEQUEUED),
    events.CALL_DISCONNECTED: int(Kind.DISCONNECTED),
    events.CALL_COMPLETED: int(Kind.COMPLETED),
    events.CALL_TRANSFERRED: int(Kind.TRANSFERRED),
}

# The same table by position, for the hot path: ACTIONS[stage][kind].
ACTIONS: Final = tuple(tuple(TRANSITIONS[stage][kind][1] for kind in Kind) for stage in Stage)

# A member of an enum costs a descriptor call each time; the hot path compares plain integers.
NEW, WAITING, TALKING, LEFT, FINISHED, LAPSED = map(int, Stage)
QUEUED, ANSWERED, ABANDONED, DEQUEUED, DISCONNECTED, COMPLETED, TRANSFERRED, LAPSE = map(int, Kind)
