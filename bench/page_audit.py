"""Lighthouse on every view of the page, in both languages: accessibility and best practices.

`npm install --prefix DIR lighthouse`, then `python -m bench.page_audit --npm DIR` prints one JSON
object: for each language and view the two scores, and the audits that are not passed. A real box
with a call log, a message and a month of its line, in a process of its own, and Debian's Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from shutil import which
from typing import Any

from playwright.sync_api import expect, sync_playwright

from tests.web.browser import chromium, running_exchange, running_soft
from tests.web.paint_pages import RECORDS, VIEWS, furnish

CATEGORIES = ("accessibility", "best-practices")
LANGUAGES = {"en": "en-GB", "de": "de-DE"}
PASSED = 1.0
TIMEOUT_S = 120


def main() -> int:
    """Print the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--npm", type=Path, default=Path(), help="where lighthouse is installed")
    parser.add_argument("--views", nargs="+", default=[*VIEWS, "door"])
    parser.add_argument("--languages", nargs="+", default=list(LANGUAGES))
    arguments = parser.parse_args()
    program = arguments.npm / "node_modules" / ".bin" / "lighthouse"
    if not program.exists():
        print(json.dumps({"left_out": f"{program} is not there"}))
        return 0
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        with (
            running_exchange(top / "exchange") as bootstrap,
            running_soft(top / "anna", "anna", bootstrap, RECORDS) as soft,
        ):
            cookie = enter(soft.address)
            report = {
                language: {
                    view: audit(program, soft.base, view, language, cookie, top / "audit.json")
                    for view in arguments.views
                }
                for language in arguments.languages
            }
    print(json.dumps(report, indent=1))
    scores = [
        one[each] for views in report.values() for one in views.values() for each in CATEGORIES
    ]
    return 0 if min(scores) >= 95 else 1


def enter(address: str) -> str:
    """A visit that furnishes the phone book; the cookie of its session."""
    with sync_playwright() as playwright:
        browser = chromium(playwright)
        page = browser.new_context(locale="en-GB").new_page()
        page.goto(address)
        expect(page.locator("#telephone")).to_be_visible(timeout=30_000)
        furnish(page)
        (cookie,) = page.context.cookies()
        browser.close()
    return f"{cookie.get('name')}={cookie.get('value')}"


def audit(
    program: Path, base: str, view: str, language: str, cookie: str, report: Path
) -> dict[str, Any]:
    """One run of Lighthouse; the door is what somebody without a session sees."""
    headers = json.dumps({} if view == "door" else {"Cookie": cookie})
    command = [
        str(program), base if view == "door" else f"{base}#{view}", "--quiet",
        "--output=json", f"--output-path={report}",
        f"--only-categories={','.join(CATEGORIES)}", f"--extra-headers={headers}",
        "--max-wait-for-load=8000",  # the stream of events never ends
        "--chrome-flags=--headless=new --no-sandbox --disable-gpu"
        f" --lang={LANGUAGES[language]} --accept-lang={LANGUAGES[language]}",
    ]  # fmt: skip
    environment = os.environ | {"CHROME_PATH": which("chromium") or "chromium"}
    subprocess.run(command, check=True, env=environment, timeout=TIMEOUT_S)
    found = json.loads(report.read_bytes())
    failed = [
        name
        for name, each in found["audits"].items()
        if each["score"] is not None and each["score"] < PASSED
    ]
    scores = {each: round(100 * found["categories"][each]["score"]) for each in CATEGORIES}
    print(language, view, scores, failed, file=sys.stderr)  # all of it takes minutes
    return scores | {"not_passed": failed}


if __name__ == "__main__":
    sys.exit(main())
