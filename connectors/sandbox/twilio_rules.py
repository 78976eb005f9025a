"""What Twilio refuses, and in which words.

Sources: https://www.twilio.com/docs/api/errors, https://www.twilio.com/docs/iam/test-credentials (the magic numbers),
https://www.twilio.com/docs/messaging/api/message-resource (lengths).
"""

import re
from enum import StrEnum

from starlette.responses import JSONResponse


class TextStatus(StrEnum):
    """Twilio's own words for where a message stands (message_enum_status), those that are played."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    UNDELIVERED = "undelivered"
    FAILED = "failed"
    RECEIVED = "received"


RANK = {
    TextStatus.ACCEPTED: 0,
    TextStatus.QUEUED: 1,
    TextStatus.SENDING: 2,
    TextStatus.SENT: 3,
    TextStatus.DELIVERED: 4,
    TextStatus.READ: 5,
    TextStatus.UNDELIVERED: 9,
    TextStatus.FAILED: 9,
}

MAGIC_SENDER = "+15005550006"  # the test credentials' one good From
MAGIC_SENDERS = {"+15005550001": 21212, "+15005550007": 21606, "+15005550008": 21611}
MAGIC_RECIPIENTS = {
    "+15005550001": 21211,
    "+15005550002": 21612,
    "+15005550003": 21408,
    "+15005550004": 21610,
    "+15005550009": 21614,
}
MESSAGES = {
    20001: "This parameter is not played by the sandbox",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "An internal server error has occurred",
    21211: "Invalid 'To' Phone Number",
    21212: "Invalid 'From' Phone Number",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number provided is not a valid message-capable Twilio phone number for this destination",
    21610: "Attempt to send to unsubscribed recipient",
    21611: "This 'From' number has exceeded the maximum number of queued messages",
    21612: "Message cannot be sent with the current combination of 'To' and/or 'From' parameters",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit.",
    21620: "Invalid media URL(s)",
    21623: "Number of media files exceeds allowed limit",
    21655: "The ContentSid is Invalid",
    21656: "The Content Variables parameter is invalid",
    21705: "The Messaging Service Sid is invalid",
}
FAILURES = {
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
    63013: "This message send failed because it violates Channel provider's policy",
    63016: "Failed to send freeform message because you are outside the allowed window",
    63024: "Invalid message recipient",
    63028: "Number of parameters provided does not match the expected number of params",
    63040: "Template rejected",
    63041: "Template paused",
    63042: "Template disabled",
    63049: "Meta chose not to deliver this WhatsApp marketing message",
}
STOP_WORDS = frozenset({"STOP", "UNSUBSCRIBE", "END", "QUIT", "STOPALL", "REVOKE", "OPTOUT", "CANCEL"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
E164 = re.compile(r"\+[1-9]\d{6,14}")
SERVICE_SID = re.compile(r"MG[0-9a-fA-F]{32}")
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_7_DOUBLE = frozenset("^{}\\[~]|€\f")


def refuse(code: int, status: int = 400, message: str | None = None) -> JSONResponse:
    """An error answer: {code, message, more_info, status}."""
    return JSONResponse(
        {
            "code": code,
            "message": message or MESSAGES[code],
            "more_info": f"https://www.twilio.com/docs/errors/{code}",
            "status": status,
        },
        status,
    )


def count_segments(body: str) -> int:
    """How many texts a body takes: 160 GSM-7 septets or 70 UTF-16 units, 153 or 67 when it takes several."""
    if all(character in GSM_7 or character in GSM_7_DOUBLE for character in body):
        length, single, several = sum(2 if c in GSM_7_DOUBLE else 1 for c in body), 160, 153
    else:
        length, single, several = len(body.encode("utf-16-le")) // 2, 70, 67
    return 1 if length <= single else -(-length // several)


def bare(address: str) -> str:
    """The number of a `whatsapp:+…` address."""
    return address.removeprefix("whatsapp:")
