"""Stored folders as earlier versions wrote them: without a manifest, of an older format."""

import json


def without_manifest(folder, marker="scan.json", form=2, **changes):
    """Delete the manifests of a folder, and give its markers an older format or none."""
    for manifest in folder.rglob("manifest.json"):
        manifest.unlink()
    for path in folder.rglob(marker):
        description = json.loads(path.read_text()) | changes
        description["format"] = form
        if form is None:
            del description["format"]
        path.write_text(json.dumps(description))
    return folder
