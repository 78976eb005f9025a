"""Every table of the first version.

Until a first release the tables are made as `data.ledger.tables` describes them; from then on each change gets a
revision of its own.
"""

from alembic import op

from data.ledger.tables import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    metadata.create_all(op.get_bind())
