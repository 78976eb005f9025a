"""How fast messages may leave: the variables an operator sets, explained in .env.example."""

from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from data.settings import FromEnvironment
from data.words import Channel


class Pace(FromEnvironment):
    """Read from the environment (`AFTERWORD_…`). Limits are each sender's; None: none of ours.

    Twilio queues what comes too fast for ten hours and then fails it (30001, 21611); US carriers refuse what is over a
    10DLC campaign's rate (30022) and T-Mobile what is over its day (30023), which ends at midnight Pacific time. All of
    them count a text as its segments, and a text with pictures (MMS) as one.
    """

    parallel: int = Field(default=5, ge=1, le=512)  # creates at a time, each channel
    mailgun_batch: int = Field(default=1, ge=1, le=1000)  # recipients of one call
    sms_per_second: float | None = Field(default=None, gt=0)
    sms_per_day: int | None = Field(default=None, gt=0)
    whatsapp_per_second: float | None = Field(default=None, gt=0)
    whatsapp_per_day: int | None = Field(default=None, gt=0)
    email_per_second: float | None = Field(default=None, gt=0)
    email_per_day: int | None = Field(default=None, gt=0)
    sending_day_zone: str = "America/Los_Angeles"  # whose midnight ends a sender's day

    @field_validator("sending_day_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"{name!r} is no time zone; write one such as America/Los_Angeles") from None
        return name

    def per_second(self, channel: Channel) -> float | None:
        """Messages a second that one sender of the channel may hand over; of texts, segments."""
        return {
            Channel.SMS: self.sms_per_second,
            Channel.WHATSAPP: self.whatsapp_per_second,
            Channel.EMAIL: self.email_per_second,
        }[channel]

    def per_day(self, channel: Channel) -> int | None:
        """Messages a day, of `sending_day_zone`; of texts, segments."""
        return {
            Channel.SMS: self.sms_per_day,
            Channel.WHATSAPP: self.whatsapp_per_day,
            Channel.EMAIL: self.email_per_day,
        }[channel]
