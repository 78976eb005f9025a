"""How the settings' own words are said to whoever changes them."""

from data.words import PageMode, Plan, StopCondition, TemplateApproval

PAGE_MODE = {
    PageMode.SCORE: ("A score", "0 to 10, then the platforms"),
    PageMode.STARS: ("Stars", "1 to 5, then the platforms"),
    PageMode.PLATFORMS: ("The platforms", "at once, nothing is asked"),
    PageMode.DIRECT: ("Straight on", "to the one platform below"),
}
STOP_WHEN = {
    StopCondition.SCORED: "They gave a score or stars",
    StopCondition.PLATFORM_CHOSEN: "They went on to a platform",
    StopCondition.REVIEW_LINKED: "Their review was found",
    StopCondition.CLICKED: "They clicked the link",
    StopCondition.PERMANENT_FAILURE: "A message failed for good",
}
LANGUAGE = {
    "ar": "Arabic", "en": "English", "es": "Spanish", "fil": "Filipino", "fr": "French", "ja": "Japanese",
    "ko": "Korean", "pl": "Polish", "pt": "Portuguese", "ru": "Russian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
WEEKDAY = {
    "mon": "Mon", "tue": "Tue", "wed": "Wed", "thu": "Thu", "fri": "Fri", "sat": "Sat", "sun": "Sun",
}  # fmt: skip
PLAN = {
    Plan.FREE: "Free", Plan.FREE_TRIAL: "Free Trial", Plan.STARTER: "Starter", Plan.GROWTH: "Growth",
    Plan.SCALE: "Scale",
}  # fmt: skip
APPROVAL = {
    TemplateApproval.UNSUBMITTED: ("clock", "queued", "Not submitted to Meta yet"),
    TemplateApproval.PENDING: ("clock", "queued", "Meta has not answered yet"),
    TemplateApproval.APPROVED: ("check", "delivered", "Approved by Meta"),
    TemplateApproval.REJECTED: ("cross", "failed", "Rejected by Meta"),
    TemplateApproval.PAUSED: ("pause", "note", "Paused by Meta"),
    TemplateApproval.DISABLED: ("cross", "failed", "Disabled by Meta"),
}


def language_name(code: str) -> str:
    """ "Spanish (MX)" of es-MX; an unknown code as it is."""
    language, _, region = code.partition("-")
    name = LANGUAGE.get(language, language)
    return f"{name} ({region})" if region else name
