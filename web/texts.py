"""Every word that a customer reads, in English; `web/languages/*.po` says each of them in other languages.

A field's name is the message's context in a catalogue, its English the message. `{…}` is filled when a page is
written; a value is always shown as text."""

from dataclasses import dataclass

from data.words import Channel

STARS = ("{count} star", "{count} stars")  # one message in as many forms as a language counts in


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language."""

    language: str = "en"  # as in <html lang>
    direction: str = "ltr"

    visit_title: str = "Your visit to {location}"
    question: str = "How likely are you to recommend {location} to a friend?"
    lowest: str = "Not at all likely"
    highest: str = "Extremely likely"
    score_name: str = "{score} out of 10"
    question_hint: str = "One press sends your answer."
    choose_number: str = "Please choose a number from 0 to 10."

    stars_question: str = "How would you rate your visit to {location}?"
    stars: tuple[str, ...] = ("1 star", "2 stars", "3 stars", "4 stars", "5 stars")
    stars_lowest: str = "Very poor"
    stars_highest: str = "Excellent"
    choose_stars: str = "Please choose from 1 to 5 stars."

    chosen: str = "You chose an answer in our message. It counts once you send it:"
    confirm: str = "Send: {answer}"
    choose_other: str = "Or choose another answer:"

    platforms_question: str = "How was your visit to {location}?"
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
    unsubscribe_sms: str = "Stop text messages only"
    unsubscribe_email: str = "Stop emails only"
    unsubscribe_whatsapp: str = "Stop WhatsApp messages only"
    unsubscribe_send: str = "Stop messages"
    unsubscribed_title: str = "You won’t get more messages"
    unsubscribed: str = "{business} won’t ask you for a review again. A message that has left already may still arrive."
    unsubscribed_sms: str = "{business} won’t send you text messages again."
    unsubscribed_email: str = "{business} won’t send you emails again."
    unsubscribed_whatsapp: str = "{business} won’t send you WhatsApp messages again."

    home_title: str = "Please open the link in your message"
    home: str = "This is where the links in our messages lead. Please open the one in the message you got."
    missing_title: str = "This page isn’t here"
    missing: str = "The link may have run out, or a part of it got lost on the way. There is nothing you need to do."
    refused_title: str = "That didn’t work"
    refused: str = "We couldn’t read what was sent. Please go back and try once more."
    too_large: str = "That message is too long. Please go back and shorten it."
    crowded_title: str = "Please wait a moment"
    crowded: str = "Very many requests are coming from your network just now. Please try again in a minute."
    broken_title: str = "Something went wrong on our side"
    broken: str = "Please try again in a minute. If you were sending an answer, it may not have reached us."

    def stop_one(self, channel: Channel) -> str:
        """The choice to stop one channel only."""
        return {
            Channel.SMS: self.unsubscribe_sms,
            Channel.EMAIL: self.unsubscribe_email,
            Channel.WHATSAPP: self.unsubscribe_whatsapp,
        }[channel]

    def stopped_one(self, channel: Channel) -> str:
        """What is said once a channel is stopped."""
        return {
            Channel.SMS: self.unsubscribed_sms,
            Channel.EMAIL: self.unsubscribed_email,
            Channel.WHATSAPP: self.unsubscribed_whatsapp,
        }[channel]


ENGLISH = Texts()
