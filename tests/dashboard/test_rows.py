"""Tables whose rows carry buttons."""

from streamlit.testing.v1 import AppTest

from tests.dashboard.conftest import buttons, text


def test_rows_without_buttons_keep_the_place_of_the_actions_free() -> None:
    def table() -> None:
        from dashboard.components.rows import Button, Column, draw_rows  # noqa: PLC0415 - it runs as a script

        stop = Button("Stop", "", "stop", print)
        rows = [{"name": "Ana"}, {"name": "Ben"}]
        draw_rows(
            "t", rows, [Column("Name", lambda row: row["name"])], lambda row: row["name"],
            lambda row: [stop] if row["name"] == "Ana" else [],
        )  # fmt: skip

    app = AppTest.from_function(table).run()
    assert not app.exception
    assert text(app).count("aw-no-actions") == 1
    assert "Actions" in text(app)
    assert buttons(app) == ["stop_Ana"]
    assert '<div class="aw-cell" role="group" aria-label="Name" data-label="Name">Ana</div>' in text(app)
