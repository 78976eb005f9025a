"""What customers write. Made up; nobody said any of it."""

from connectors.sandbox.chance import chance_of

_PRAISE = (
    "Friendly from the first minute.",
    "On time, which I have stopped expecting anywhere else.",
    "They explained everything before doing it and never rushed me.",
    "I was nervous and they noticed; that made all the difference.",
    "The front desk sorted out my paperwork in two minutes.",
    "Best visit I have had in years.",
    "Clean, calm, and everyone remembered my name.",
    "Booked on Monday, seen on Wednesday, done by lunch.",
    "My daughter actually asked when we are going back.",
    "Switched here last year and have not looked back.",
    "Gentle and thorough, and honest about what could wait.",
    "They squeezed me in the same day when I called in a panic.",
)
_DETAIL = (
    "The price was what they had quoted.",
    "Parking right at the door helped too.",
    "They called the next day to ask how I was doing.",
    "No upselling at all.",
    "The new rooms look great.",
    "I got a clear plan to take home.",
    "Waiting time was maybe five minutes.",
    "Even the reminder texts were polite.",
    "",
    "",
)
_CLOSE = ("Highly recommended.", "Will be back.", "Thank you all!", "Five stars from our whole family.", "", "", "")
_FAIR = (
    "Good visit overall, though I waited about twenty minutes.",
    "Nice people and solid work. Scheduling could be easier.",
    "Happy with the result. The phone line was busy the first three times.",
    "Everything was fine; the waiting room is a bit loud.",
    "Good care, a little pricey for what it was.",
    "Competent and kind. I would like earlier opening hours.",
    "Solid. The online form asked for things they already knew.",
    "Four stars only because parking was a hunt.",
    "Thorough check and clear answers. A bit of a queue at reception.",
    "Everything went to plan, just later than planned.",
)
_MIXED = (
    "The treatment was fine but nobody told me about the wait.",
    "Average. Nice staff, but I had to repeat my history three times.",
    "It was okay. I expected a clearer explanation of the bill.",
    "Half an hour late, then in a hurry. The result is all right.",
    "Neither good nor bad. Reception seemed short of people that day.",
    "The person who treated me was great, the booking was not.",
    "Fine in the end, after two calls to clear up the invoice.",
    "Decent work. I had hoped for more time to ask questions.",
)
_POOR = (
    "I waited fifty minutes past my appointment and nobody apologised.",
    "The bill was higher than the estimate and I am still waiting for a call back.",
    "Felt rushed, and my questions were brushed aside.",
    "They moved my appointment twice without asking me.",
    "Had to come back because it was not right the first time.",
    "Nobody picked up the phone for two days when it hurt.",
    "I was told one thing on the phone and another at the desk.",
    "Rushed in, rushed out, and charged for the full hour.",
)
_REPLIES = (
    "Thanks, I will take a look tonight",
    "It was great thank you",
    "Who is this?",
    "Can I move my next appointment to Friday?",
    "Will do!",
)


def review_text(seed: int, address: str, stars: int) -> str:
    """A review that fits its stars."""
    dice = chance_of(seed, address, "review")
    if stars == 5:
        parts = [*dice.sample(_PRAISE, dice.choice((1, 1, 2))), dice.choice(_DETAIL), dice.choice(_CLOSE)]
        return " ".join(part for part in parts if part)
    return dice.choice({4: _FAIR, 3: _MIXED}.get(stars, _POOR))


def comment_text(seed: int, address: str, score: int) -> str:
    """Private feedback to the business."""
    return chance_of(seed, address, "comment").choice(_PRAISE if score >= 9 else _FAIR if score >= 7 else _POOR)


def reply_text(seed: int, address: str) -> str:
    """A text in answer to a text; never a keyword."""
    return chance_of(seed, address, "reply").choice(_REPLIES)
