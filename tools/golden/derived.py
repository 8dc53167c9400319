"""What the scripts that add to tests/golden/derived have in common."""

import hashlib
import json


def enter_in_manifest(golden, paths):
    """Enters sizes and hashes of files below `golden` in its MANIFEST.json, as select_fixtures.py writes them."""
    path = golden / "MANIFEST.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    for file in paths:
        name = file.relative_to(golden).as_posix()
        data = file.read_bytes()
        before = manifest["files"].get(name, {"bytes": 0})["bytes"]
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        manifest["bytes_without_tokenizers"] += len(data) - before
    manifest["files"] = dict(sorted(manifest["files"].items()))
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
