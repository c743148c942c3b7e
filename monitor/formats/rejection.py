"""What is refused at the door, and why, in a closed set of words.

A refused message leaves behind a reason, a size and a digest: enough to count it, to recognise it
again and to ask its sender about it, and nothing of its content, which may name a caller. The
digest is keyed, because a payload that is little more than a telephone number could be found from
an unkeyed one by trying all numbers.

Invariant: every reason that leaves `monitor.formats` is in `REJECTION_REASONS`, so that a hostile
sender cannot make new label values. Pure: no I/O, no clock.
"""

from hashlib import blake2b
from typing import Final, NamedTuple

EMPTY: Final = "empty"
TOO_LARGE: Final = "too_large"
TOO_MANY: Final = "too_many"
TOO_DEEP: Final = "too_deep"
BAD_BODY: Final = "bad_body"
BAD_UTF8: Final = "bad_utf8"
BAD_JSON: Final = "bad_json"
BAD_TEXT: Final = "bad_text"
BAD_TIME: Final = "bad_time"
WRONG_TYPE: Final = "wrong_type"
WRONG_VERSION: Final = "wrong_version"
WRONG_SOURCE: Final = "wrong_source"
WRONG_TOPIC: Final = "wrong_topic"
NO_CALL_ID: Final = "no_call_id"
WRONG_COLUMNS: Final = "wrong_columns"
UNKNOWN_OUTCOME: Final = "unknown_outcome"

REJECTION_REASONS: Final = frozenset(
    (
        EMPTY, TOO_LARGE, TOO_MANY, TOO_DEEP, BAD_BODY, BAD_UTF8, BAD_JSON, BAD_TEXT, BAD_TIME,
        WRONG_TYPE, WRONG_VERSION, WRONG_SOURCE, WRONG_TOPIC, NO_CALL_ID, WRONG_COLUMNS,
        UNKNOWN_OUTCOME,
    )
)  # fmt: skip

# A digest of 256 MB would hold up the loop for half a second; this much takes 0.1 ms.
DIGEST_BYTES_MAX: Final = 65_536
_DIGEST_BYTES: Final = 32
# Of the uses of one key, so that no digest is ever that of another use.
_PERSON: Final = b"refused"


class Rejected(NamedTuple):
    """One message, or one element of a message, that did not become an event.

    Attributes:
        reason: One of `REJECTION_REASONS`.
        size: Bytes of the whole refused part.
        digest: Keyed BLAKE2b of its first `DIGEST_BYTES_MAX` bytes, 64 hex digits; the same under
            the same key.
    """

    reason: str
    size: int
    digest: str


def refuse(reason: str, part: bytes | memoryview, key: bytes) -> Rejected:
    """Describe a refused part without keeping any of its content.

    Args:
        reason: One of `REJECTION_REASONS`.
        part: What was refused.
        key: Secret of this installation, 1 to 64 bytes.
    """
    assert reason in REJECTION_REASONS
    digest = blake2b(part[:DIGEST_BYTES_MAX], digest_size=_DIGEST_BYTES, key=key, person=_PERSON)
    return Rejected(reason, len(part), digest.hexdigest())
