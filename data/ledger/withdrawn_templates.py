"""What a failed message tells about its template before polling does: Meta has rejected, paused or disabled it."""

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from data.ledger.tables import requests, templates
from data.words import TemplateApproval


def withdraw_template(connection: Connection, request_id: int, approval: TemplateApproval) -> bool:
    """Use the request's template no more until polling finds it approved; False when it was not in use."""
    used = sa.select(requests.c.template_id).where(requests.c.request_id == request_id).scalar_subquery()
    withdrawn = connection.execute(
        templates.update()
        .where(templates.c.template_id == used, templates.c.approval == TemplateApproval.APPROVED)
        .values(approval=approval)
    )
    return withdrawn.rowcount == 1
