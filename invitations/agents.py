"""User agents that say of themselves that nobody looks: previewers, mail scanners, crawlers, programs.

Signs found in user agents, lower-case. Sources: the instances collected by the public list
monperrus/crawler-user-agents (MIT); Outlook's previewer, phpList/phplist3#415; Gmail's sampler, mssola/user_agent#71;
Barracuda's scanner, JayBizzle/Crawler-Detect#552. Most gateways pretend to be a browser (mautic/mautic#16263), so an
agent that shows none of these proves nobody: `invitations.evidence` weighs it with the rest.
"""

import re

_PREVIEWS = (
    "bingpreview",
    "bitlybot",
    "bluesky cardyb",
    "embedly",
    "facebookexternalhit",
    "facebookcatalog",
    "google-pagerenderer",
    "google-read-aloud",
    "iframely",
    "meta-externalagent",
    "meta-externalfetcher",
    "skypeuripreview",
    "slack-imgproxy",
    "snap url preview",
    "vkshare",
    "whatsapp/",
)
_MAIL_SCANNERS = (
    "barracuda",
    "gmail-content-sampling",
    "microsoft office existence discovery",
    "mimecast",
    "proofpoint",
    "trendmicro",
    "trend micro",
)
_PROGRAMS = (
    "aiohttp",
    "apache-httpclient",
    "axios/",
    "curl/",
    "go-http-client",
    "guzzlehttp",
    "headlesschrome",
    "java/",
    "libwww-perl",
    "lighthouse",
    "node-fetch",
    "okhttp",
    "phantomjs",
    "postmanruntime",
    "python-httpx",
    "python-requests",
    "python-urllib",
    "python/",
    "scrapy",
    "wget/",
)
# "bot" ends a word in most crawlers' names, and Cubot is a maker of telephones. An address to complain to is in many
# more, in no browser's, and in that of Yahoo's picture proxy, which loads what a person opens.
_CRAWLERS = re.compile(
    r"(?<!cu)bot\b|crawl|spider|preview\b|prefetch|\bscan(ner|ning)\b|archiver|^(?!yahoomailproxy).*https?://"
)
_SIGNS = _PREVIEWS + _MAIL_SCANNERS + _PROGRAMS


def is_program(agent: str) -> bool:
    """Whether a user agent is a program's, or names no browser at all."""
    agent = agent.strip().lower()
    if not agent or agent == "mozilla/5.0":  # the whole of what Apple's mail proxy says when it loads pictures ahead
        return True
    return any(sign in agent for sign in _SIGNS) or bool(_CRAWLERS.search(agent))
