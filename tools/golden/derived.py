"""What the scripts that add to tests/golden/derived have in common."""

import hashlib
import json


def enter_in_manifest(golden, file):
    """Enters size and hash of GOLDEN_DIR/file in MANIFEST.json, as select_fixtures.py writes them."""
    path = golden / "MANIFEST.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    data = (golden / file).read_bytes()
    before = manifest["files"].get(file, {"bytes": 0})["bytes"]
    manifest["files"][file] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["files"] = dict(sorted(manifest["files"].items()))
    manifest["bytes_without_tokenizers"] += len(data) - before
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
