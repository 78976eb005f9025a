"""How what is wrong with a setting is told, without a page."""

from dashboard.components.settings_form import in_words, slug_of


def test_faults_are_told_by_the_pages_own_names() -> None:
    assert in_words('[[locations]] "boston", key invitations_per_cycle: found 9') == (
        'Location "boston", invitations per cycle: found 9'
    )
    assert in_words('[locations] no. 1 ("boston"), key "reply_to": found \'x\'') == (
        "Location no. 1 (\"boston\"), replies go to: found 'x'"
    )
    assert slug_of("Kids & Teens") == "kids-teens"
