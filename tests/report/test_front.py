"""The page over the pages of all studies."""

import pytest

from recloop.report.front import build_front

STUDIES = ("gsasrec", "ialp")


@pytest.fixture(scope="module")
def front(drawn, generated, tmp_path_factory):
    """Make it over two generated studies, and give its folder."""
    output = tmp_path_factory.mktemp("front")
    studies = {}
    for name in STUDIES:
        (output / name).symlink_to(drawn(name))
        found = generated(name)
        studies[name] = {
            "title": found.study["title"],
            "datasets": found.saved["tier"]["datasets"],
            "runs": [str(path) for path in found.saved["runs"]],
        }
    build_front(studies, {"tier": "laptop", "seeds": [1, 2]}, output)
    return output


def test_counts_every_study_claim_and_printed_number(front, generated):
    text = (front / "README.md").read_text(encoding="utf-8")
    claims = [claim for name in STUDIES for claim in generated(name).study["claims"]]
    assert text.startswith("# What was made, and what holds")
    assert f"**2 studies, tier laptop, seeds 1, 2.** {len(claims)} claims." in text
    assert all(f"**{claim}** " in text for claim in claims)
    assert "| [ialp](ialp/ledger.csv) | 102 |" in text
    assert "known answers found" in text


def test_links_lead_to_pages(front):
    html = (front / "index.html").read_text(encoding="utf-8")
    for name in STUDIES:
        assert f'href="{name}/index.html"' in html
        assert (front / name / "index.html").exists()
