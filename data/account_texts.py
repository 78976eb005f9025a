"""What the account file says to customers, and when: `[[templates]]` and `[[sequences]]`."""

from itertools import pairwise
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data.account_values import (
    Body,
    ContentSid,
    Delay,
    Language,
    Slug,
    Subject,
    TemplateSlug,
    TimeOfDay,
    delay_minutes,
    minute_of_day,
)
from data.words import Channel, TemplateCategory

MOST_FOLLOW_UPS = 5
SHORTEST_INTERVAL = 60  # minutes between two messages of an invitation
LONGEST_INTERVAL = 31 * 24 * 60
LONGEST_WHATSAPP_BODY = 1024  # characters; Meta's limit for the body of a template


class Part(BaseModel):
    """Every table of the file: immutable, and a key it does not know is a fault, never ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TemplatePart(Part):
    """`[[templates]]`: one text for one channel and language.

    One for WhatsApp is submitted to Meta, as `category` ("marketing" if the file does not say: the careful reading).
    `content_sid` is for one that was made at Twilio by hand. Messages go once polling has seen it approved.
    """

    slug: TemplateSlug
    channel: Channel
    language: Language = "en"
    subject: Subject | None = None
    body: Body
    content_sid: ContentSid | None = None
    category: TemplateCategory | None = None

    @model_validator(mode="after")
    def _belongs_to_its_channel(self) -> "TemplatePart":
        if self.channel is Channel.EMAIL and not self.subject:
            raise ValueError("an email template needs a subject")
        if self.channel is not Channel.EMAIL and self.subject is not None:
            raise ValueError(f"a template for {self.channel.value} has no subject")
        if self.channel is Channel.WHATSAPP:
            self._suits_meta()
        elif self.content_sid is not None or self.category is not None:
            raise ValueError(f"content_sid and category are for WhatsApp; a template for {self.channel.value} has none")
        return self

    def _suits_meta(self) -> None:
        if len(self.body) > LONGEST_WHATSAPP_BODY:
            raise ValueError(
                f"the body has {len(self.body):,} characters, and Meta takes at most {LONGEST_WHATSAPP_BODY:,} in a "
                "WhatsApp template: shorten it"
            )

    @property
    def category_in_force(self) -> TemplateCategory | None:
        """What the ledger keeps: a WhatsApp template without a category counts as marketing; others have none."""
        return self.category or (TemplateCategory.MARKETING if self.channel is Channel.WHATSAPP else None)


class StepPart(Part):
    """`[[sequences.steps]]`: `channels` in order of preference; the first that can be used, or with `all` each.

    A follow-up's delay counts from the hand-over of the first message, the first step's own from the customer's coming
    in. With `at`, the message goes at the next such time of the recipient's day.
    """

    delay: Delay
    at: TimeOfDay | None = None
    channels: Annotated[list[Channel], Field(min_length=1)]
    all: bool = False
    template: TemplateSlug

    @model_validator(mode="after")
    def _each_channel_once(self) -> "StepPart":
        if len(set(self.channels)) < len(self.channels):
            raise ValueError("a step names the same channel twice")
        return self

    @property
    def delay_minutes(self) -> int:
        """The delay in minutes."""
        return delay_minutes(self.delay)

    @property
    def at_minute(self) -> int | None:
        """`at` in minutes after the recipient's midnight."""
        return minute_of_day(self.at) if self.at is not None else None


class SequencePart(Part):
    """`[[sequences]]`: the first ask and 0 to 5 follow-ups."""

    slug: Slug
    steps: Annotated[list[StepPart], Field(min_length=1)]

    @model_validator(mode="after")
    def _within_limits(self) -> "SequencePart":
        first, *follow_ups = [step.delay_minutes for step in self.steps]
        if len(follow_ups) > MOST_FOLLOW_UPS:
            raise ValueError(
                f"found {len(follow_ups)} follow-ups after the first ask, expected at most {MOST_FOLLOW_UPS}: "
                "who has not answered by then does not want to"
            )
        if first > LONGEST_INTERVAL:
            raise ValueError(f'the first step waits "{self.steps[0].delay}", expected at most 31 days')
        # Follow-ups count from the first hand-over, whatever the first step itself waited for.
        for number, (earlier, later) in enumerate(pairwise([0, *follow_ups]), 2):
            self._check_interval(number, later - earlier)
        return self

    def _check_interval(self, number: int, interval: int) -> None:
        where = f'step no. {number} (delay "{self.steps[number - 1].delay}")'
        if interval <= 0:
            raise ValueError(
                f"{where} must come later than the one before it: every follow-up's delay counts from the first message"
            )
        if interval < SHORTEST_INTERVAL:
            raise ValueError(
                f"{where} comes {interval} minutes after the one before it, expected at least 1 hour: "
                "nobody has answered sooner"
            )
        if interval > LONGEST_INTERVAL:
            raise ValueError(
                f"{where} comes more than 31 days after the one before it, expected at most 31 days: "
                "by then the visit is forgotten"
            )

    @property
    def length_minutes(self) -> int:
        """From the first hand-over until the last follow-up may go, in minutes; `at` may add most of a day."""
        last = self.steps[-1]
        if len(self.steps) == 1:
            return 0
        return last.delay_minutes + (24 * 60 if last.at is not None else 0)
