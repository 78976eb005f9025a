"""What the dashboard needs: imports that are taken back, replies that are drafted."""

import sqlalchemy as sa
from alembic import op

from data.ledger.types import UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("lists", sa.Column("undone_at", UtcDateTime(), nullable=True))
    op.add_column("lists", sa.Column("undone_by", sa.String(length=254), nullable=True))
    op.add_column("reviews", sa.Column("reply_draft", sa.Text(), nullable=True))
    op.add_column("reviews", sa.Column("reply_drafted_by", sa.String(length=254), nullable=True))
