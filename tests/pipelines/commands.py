"""Running `afterword …` inside a test: what it printed and the code it ended with."""

from collections.abc import Callable

Run = Callable[..., "Result"]
REAL_TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "secret", "TWILIO_FROM": "+13125550100"}


class Result:
    """What a command printed, line breaks of the terminal undone, and its code."""

    def __init__(self, code: int, output: str, errors: str) -> None:
        self.code = code
        self.output = output
        self.errors = " ".join(errors.split())
