"""Every word that a customer reads, in one place, so that catalogues of other languages can stand in for it.

`{…}` is filled when a page is written; a value is always shown as text.
"""

from dataclasses import dataclass

from data.words import Channel


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language."""

    language: str = "en"
    direction: str = "ltr"

    question_title: str = "Your visit to {location}"
    question: str = "How likely are you to recommend {location} to a friend?"
    lowest: str = "Not at all likely"
    highest: str = "Extremely likely"
    score_name: str = "{score} out of 10"
    question_hint: str = "One press sends your answer."
    choose_number: str = "Please choose a number from 0 to 10."

    thanks_title: str = "Thank you"
    thanks: str = "Thank you for your answer"
    share: str = "Would you share your experience in a public review? Whatever you write helps other people choose."
    platform: str = "Write a review on {platform}"
    private: str = "Tell {location} in private"
    private_hint: str = "Only {location} reads this. It isn’t published."
    private_label: str = "Your message"
    private_send: str = "Send message"
    private_done: str = "Your message is on its way to {location}."

    unsubscribe_title: str = "Stop messages from {business}?"
    unsubscribe_hint: str = (
        "Press the button and we won’t write to you again. You can always contact {business} yourself."
    )
    unsubscribe_all: str = "Stop every message: texts, emails and WhatsApp"
    unsubscribe_channel: str = "Stop {channel} only"
    unsubscribe_send: str = "Stop messages"
    unsubscribed_title: str = "You won’t get more messages"
    unsubscribed: str = "{business} won’t ask you for a review again. A message that has left already may still arrive."
    unsubscribed_channel: str = "{business} won’t send you {channel} again."

    home_title: str = "Your link leads further"
    home: str = "This is where the links in our messages lead. Please open the one in the message you got."
    missing_title: str = "This page isn’t here"
    missing: str = "The link may have run out, or a part of it got lost on the way. There is nothing you need to do."
    refused_title: str = "That didn’t work"
    refused: str = "We couldn’t read what was sent. Please go back and try once more."
    too_large: str = "That message is too long. Please go back and shorten it."
    broken_title: str = "Something went wrong on our side"
    broken: str = "Please try again in a minute. If you were sending an answer, it may not have reached us."

    def channel(self, channel: Channel) -> str:
        """What messages of a channel are called."""
        return {Channel.SMS: "text messages", Channel.EMAIL: "emails", Channel.WHATSAPP: "WhatsApp messages"}[channel]


ENGLISH = Texts()
