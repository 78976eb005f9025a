"""How many texts an SMS is billed as."""

import pytest

from connectors.sandbox.twilio_rules import count_segments as as_the_provider_counts
from invitations.segments import count_segments


@pytest.mark.parametrize(
    ("text", "segments"),
    [
        ("", 1),
        ("x" * 160, 1),
        ("x" * 161, 2),
        ("x" * 306, 2),
        ("x" * 307, 3),
        ("é" * 160, 1),  # of the basic table
        ("ê" + "x" * 69, 1),  # not in GSM-7: the whole message is UCS-2
        ("ê" + "x" * 70, 2),
        ("€" * 80, 1),  # two septets each
        ("€" * 81, 2),
        ("x" * 152 + "€" * 77, 3),  # 306 septets, but neither first segment can hold half a €
        ("😀" * 35, 1),
        ("😀" * 36, 2),
        ("😀" * 67, 3),  # 134 units; 33 fit into each segment of 67
    ],
)
def test_a_text_is_counted_in_segments_as_the_networks_do(text: str, segments: int) -> None:
    assert count_segments(text) == segments


@pytest.mark.parametrize("text", ["x" * n for n in (1, 160, 161, 400)] + ["ñ" * 161, "ł" * 70, "ł" * 71, "ł" * 200])
def test_the_sandbox_bills_what_is_foreseen(text: str) -> None:
    assert count_segments(text) == as_the_provider_counts(text)
