"""A machine-readable description of the recorded runs: RO-Crate 1.1.

``python -m grokbook.store.ro_crate`` writes ``ro-crate-metadata.json`` next to the runs of the
book. The file is a function of their manifests alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from grokbook._support.atomic_files import write_atomically
from grokbook.store.records import brought_along

FILE = "ro-crate-metadata.json"
_ON_THE_SPOT = ("quick", "smoke")
_FORMATS = {
    ".json": "application/json",
    ".parquet": "application/vnd.apache.parquet",
    ".safetensors": "application/octet-stream",
    ".npz": "application/zip",
}


def described(root: Path) -> dict[str, Any]:
    """Return the description of a folder of runs as JSON-LD.

    Parameters
    ----------
    root
        The folder. Runs that the small presets record on the spot are left out.

    Returns
    -------
    dict
        A root data set, one data set for each folder of runs, and each file with its size and
        SHA-256.
    """
    folders: dict[str, list[dict[str, Any]]] = {}
    for path in _files(root):
        folder = path.parent.relative_to(root).as_posix()
        content = path.read_bytes()
        folders.setdefault(folder, []).append(
            {
                "@id": path.relative_to(root).as_posix(),
                "@type": "File",
                "name": path.name,
                "encodingFormat": _FORMATS[path.suffix],
                "contentSize": str(len(content)),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        )
    sets = [
        {"@id": f"{folder}/", "@type": "Dataset", "name": folder, "hasPart": _ids(files)}
        for folder, files in folders.items()
    ]
    whole = {
        "@id": "./",
        "@type": "Dataset",
        "name": "Recorded runs of grokbook",
        "description": "Logs of the training runs behind the book: for each a table, one row a"
        " logged step, and a manifest with every setting, versions, machine and check sums.",
        "datePublished": _newest(root),
        "license": {"@id": "https://spdx.org/licenses/MIT"},
        "isBasedOn": {"@id": "https://arxiv.org/abs/2311.06597"},
        "hasPart": _ids(sets),
    }
    about = {
        "@id": FILE,
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    files = [file for folder in folders.values() for file in folder]
    return {
        "@context": "https://w3id.org/ro/crate/1.1/context",
        "@graph": [about, whole, *sets, *files],
    }


def written(root: Path) -> bytes:
    """Return the description as the bytes of its file."""
    return (json.dumps(described(root), indent=1, ensure_ascii=False) + "\n").encode()


def _files(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        parts = path.relative_to(root).parts
        kept = len(parts) > 1 and parts[0] not in _ON_THE_SPOT and not path.name.startswith(".")
        if kept and path.suffix in _FORMATS and path.is_file():
            yield path


def _newest(root: Path) -> str:
    """Return the day of the last record."""
    days = [""]
    for path in _files(root):
        if path.suffix == ".json":
            manifest = json.loads(path.read_bytes())
            days.append(str(manifest.get("recorded", manifest.get("made", {}).get("recorded", ""))))
    return max(days)[:10]


def _ids(things: list[dict[str, Any]]) -> list[dict[str, str]]:
    return [{"@id": thing["@id"]} for thing in things]


if __name__ == "__main__":
    folder = brought_along()
    write_atomically(folder / FILE, lambda file: file.write(written(folder)))
    print(folder / FILE)
