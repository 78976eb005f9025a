"""django-post_office sending what lies in its queue, run by an interpreter that has it (never ours).

    PEER/bin/python bench/post_office_peer.py --port 2525 --messages 5000 [--processes 1] [--threads 5]

Its own documented settings (BATCH_SIZE 1000, THREADS_PER_PROCESS 5, SQLite), no log rows. Each mail has the parts that
ours has: text, HTML and the unsubscribe headers. Prints the seconds that `send_queued_mail_until_done` took as JSON.
"""

import argparse
import json
import logging
import tempfile
import time
from pathlib import Path

import django  # type: ignore[import-not-found,unused-ignore]
from django.conf import settings  # type: ignore[import-not-found,unused-ignore]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--threads", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings.configure(
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(Path(folder) / "po.sqlite")}},
            INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "post_office"],
            EMAIL_BACKEND="post_office.EmailBackend", EMAIL_HOST="127.0.0.1", EMAIL_PORT=asked.port,
            USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
            POST_OFFICE={
                "BATCH_SIZE": 1000, "THREADS_PER_PROCESS": asked.threads, "LOG_LEVEL": 0,
                "BACKENDS": {"default": "django.core.mail.backends.smtp.EmailBackend"},
            },
        )  # fmt: skip
        django.setup()
        logging.disable()  # a line for each batch and worker
        from django.core.management import call_command  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        from post_office import mail  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415
        from post_office.models import PRIORITY, STATUS, Email  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415

        call_command("migrate", verbosity=0)
        text = "Hi Ana, how was your visit? It takes a minute: https://reviews.example/r/{0}\n" * 3
        Email.objects.bulk_create(
            [
                Email(
                    from_email="Acme Chicago <reviews@acme.example>", to=[f"customer{n}@example.com"],
                    subject="How was your visit, Ana?", message=text.format(n), html_message=f"<p>{text.format(n)}</p>",
                    headers={
                        "List-Unsubscribe": f"<https://reviews.example/u/{n}>",
                        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                    },
                    status=STATUS.queued, priority=PRIORITY.medium,
                )
                for n in range(asked.messages)
            ],
            batch_size=500,
        )  # fmt: skip
        started = time.perf_counter()
        mail.send_queued_mail_until_done(lockfile=str(Path(folder) / "po"), processes=asked.processes)
        seconds = time.perf_counter() - started
        sent = Email.objects.filter(status=STATUS.sent).count()
    print(json.dumps({"seconds": seconds, "sent": sent}))


if __name__ == "__main__":
    main()
