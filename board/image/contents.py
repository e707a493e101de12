"""Writes the list of what an image or package holds, as SPDX 2.3 in JSON.

`contents.py NAME VERSION --python DIR [--dpkg STATUS] > NAME.spdx.json`: Debian's packages from
dpkg's status file, Python's from the METADATA of what was unpacked, and Fernruf itself. Same
inputs, same bytes: the time is SOURCE_DATE_EPOCH.
Source: SPDX 2.3; package-url (purl) types deb and pypi; Debian policy chapter 5.
"""

from __future__ import annotations

import argparse
import email.parser
import hashlib
import json
import os
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

NOTHING_SAID = "NOASSERTION"
SOURCE = re.compile(r"^(\S+)(?: \((.+)\))?$")


def main() -> None:
    """Print the list."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("version")
    parser.add_argument("--python", type=Path, required=True)
    parser.add_argument("--dpkg", type=Path)
    arguments = parser.parse_args()
    packages = [_fernruf(arguments.version)]
    if arguments.dpkg:
        packages += _debian(arguments.dpkg.read_text(encoding="utf-8"))
    packages += _python(arguments.python)
    document = spdx(arguments.name, arguments.version, packages)
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    sys.stdout.write("\n")


def spdx(name: str, version: str, packages: list[dict[str, Any]]) -> dict[str, Any]:
    """The document around the packages; the first of them is what it describes."""
    created = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    listed = json.dumps(packages, sort_keys=True).encode()
    first, *rest = (package["SPDXID"] for package in packages)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        # of these very contents: two lists of one namespace are the same list
        "documentNamespace": f"urn:fernruf:{name}:{version}:{hashlib.sha256(listed).hexdigest()}",
        "creationInfo": {
            "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "creators": ["Tool: board/image/contents.py"],
        },
        "packages": packages,
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", first),
            *(_relation(first, "DEPENDS_ON", other) for other in rest),
        ],
    }


def _fernruf(version: str) -> dict[str, Any]:
    return _package("fernruf", version, "generic", declared="Apache-2.0")


def _debian(status: str) -> Iterator[dict[str, Any]]:
    for paragraph in sorted(status.split("\n\n")):
        fields = dict(email.parser.HeaderParser().parsestr(paragraph))
        if "installed" not in fields.get("Status", "").split():
            continue
        found = SOURCE.match(fields.get("Source", fields["Package"]))
        assert found is not None, fields
        source, source_version = found.group(1), found.group(2) or fields["Version"]
        package = _package(
            fields["Package"],
            fields["Version"],
            "deb/debian",
            qualifiers=f"?arch={fields['Architecture']}",
            supplier=f"Person: {fields['Maintainer']}",
        )
        package["sourceInfo"] = f"built from {source} {source_version} of Debian"
        yield package


def _python(folder: Path) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob("*.dist-info/METADATA")):
        fields = email.parser.HeaderParser().parsestr(path.read_text(encoding="utf-8"))
        declared = fields["License-Expression"]  # PEP 639: SPDX's own words, or nothing certain
        yield _package(fields["Name"], fields["Version"], "pypi", declared=declared or NOTHING_SAID)


def _package(
    name: str,
    version: str,
    kind: str,
    *,
    qualifiers: str = "",
    declared: str = NOTHING_SAID,
    supplier: str = NOTHING_SAID,
) -> dict[str, Any]:
    identifier = re.sub(r"[^A-Za-z0-9.-]", "-", f"{kind}-{name}-{version}")
    return {
        "SPDXID": f"SPDXRef-{identifier}",
        "name": name,
        "versionInfo": version,
        "supplier": supplier,
        "downloadLocation": NOTHING_SAID,
        "filesAnalyzed": False,
        "licenseConcluded": NOTHING_SAID,
        "licenseDeclared": declared,
        "copyrightText": NOTHING_SAID,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"pkg:{kind}/{name.lower()}@{version}{qualifiers}",
            }
        ],
    }


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}


if __name__ == "__main__":
    main()
