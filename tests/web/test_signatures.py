"""The signature of our hooks: one vector worked out by hand, and everything that must not pass."""

import pytest

from web.signatures import TOLERANCE_SECONDS, Unsigned, sign, verify

SECRET, OLD = b"whsec_0123456789abcdef", b"the one before this one"
BODY, NOW = b'{"location": "chicago"}', 1_795_449_600
# printf '1795449600.{"location": "chicago"}' | openssl dgst -sha256 -hmac whsec_0123456789abcdef
VECTOR = "t=1795449600,v1=e9f546e805ec68e88a6cf6fc93188a392b431bc7a4ce4d4e5b00c1ec70c243d8"
DIGEST = VECTOR.partition("v1=")[2]


def passes(header: str | None, body: bytes = BODY, *, now: float = NOW, secrets: tuple[bytes, ...] = (SECRET,)) -> bool:
    try:
        verify(header, body, secrets, now=now)
    except Unsigned:
        return False
    return True


def test_the_vector_of_openssl_passes() -> None:
    assert sign(SECRET, NOW, BODY) == VECTOR
    assert passes(VECTOR)


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "t=1795449600",
        f"v1={DIGEST}",
        f"t=1795449601,v1={DIGEST}",  # another time
        f"t=1795449600,t=1795449600,v1={DIGEST}",  # two times: which was signed?
        f"t=01795449600,v1={DIGEST}",
        f"t=-1795449600,v1={DIGEST}",
        f"t=1795449600,v0={DIGEST}",
        f"t=1795449600,v1={DIGEST.upper()}",
        f"t=1795449600,v1={DIGEST[:-1]}",
        f"t=1795449600,v1={DIGEST[:-1]}é",
        f"t=1795449600,v1={'0' * 64}",
        "t=" + "9" * 3000 + f",v1={DIGEST}",
        ",".join(["t=1795449600", *[f"v1={'0' * 64}"] * 15, f"v1={DIGEST}"]),  # a list of guesses
        sign(b"another secret, long enough", NOW, BODY),
    ],
)
def test_nothing_else_does(header: str | None) -> None:
    assert not passes(header)


def test_a_changed_body_does_not_pass() -> None:
    assert not passes(VECTOR, BODY + b" ")
    assert not passes(VECTOR, b"")


def test_a_call_is_good_for_five_minutes_before_and_after() -> None:
    for apart in (TOLERANCE_SECONDS, -TOLERANCE_SECONDS):
        assert passes(VECTOR, now=NOW + apart)
        assert not passes(VECTOR, now=NOW + 2 * apart)


def test_while_a_secret_is_replaced_either_side_may_be_first() -> None:
    old = sign(OLD, NOW, BODY)
    assert passes(old, secrets=(SECRET, OLD))
    assert passes(f"{VECTOR},v1={old.partition('v1=')[2]},v2=new", secrets=(OLD,))
