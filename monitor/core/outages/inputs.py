"""What enters the engine besides events: the state of links, and what people say about outages.

Each goes through the journal like a batch of events, so that a restart does the same again.

Pure: no I/O, no clock.
"""

from msgspec import Struct, json


class LinkChanged(Struct, frozen=True, tag="link"):
    """The way to a source stands, or does not any more.

    Attributes:
        source: Its name.
        is_linked: Which of the two.
    """

    source: str
    is_linked: bool


class Declared(Struct, frozen=True, tag="declare"):
    """Somebody declares an outage.

    Attributes:
        contract: Id of the contract.
        onset_ms: When it ceased to work, as far as is known.
        who: The actor.
        why: What was said.
    """

    contract: str
    onset_ms: int
    who: str
    why: str


class Noted(Struct, frozen=True, tag="note"):
    """Somebody has something to say about an outage.

    Attributes:
        outage: Its id.
        who: The actor.
        text: What was said.
    """

    outage: str
    who: str
    text: str


class RestoredByHand(Struct, frozen=True, tag="restore"):
    """Somebody says that an outage is over.

    Attributes:
        outage: Its id.
        restored_ms: Since when it has worked.
        who: The actor.
        why: What was said.
    """

    outage: str
    restored_ms: int
    who: str
    why: str


Input = LinkChanged | Declared | Noted | RestoredByHand

_DECODER = json.Decoder(Input)


def encode(one: Input) -> bytes:
    """An input for the journal."""
    return json.encode(one)


def decode(body: bytes) -> Input:
    """An input from the journal.

    Raises:
        msgspec.DecodeError: The record is damaged.
    """
    found: Input = _DECODER.decode(body)
    return found
