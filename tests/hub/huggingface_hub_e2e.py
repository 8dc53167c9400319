"""One cache for two programs: what Python's huggingface_hub has fetched Swan finds, and the reverse. With the package
itself, as it is on PyPI (tools/test-requirements.txt)."""

import hashlib
import json
import subprocess
import sys
import unittest

from hub_test_case import NEEDED, TOKEN, HubTest, Repo, big, files_of, pipeline

try:
    import huggingface_hub
except ImportError:
    huggingface_hub = None


@unittest.skipIf(huggingface_hub is None, "huggingface_hub is not installed: run ./dev setup-python")
class OneCache(HubTest):
    def python(self, text, **more):
        """Runs Python with the package, on the same hub and cache; returns what it prints as JSON."""
        done = subprocess.run([sys.executable, "-c", "import huggingface_hub as h, json, os\n" + text], cwd=self.folder,
                              env=self.environment(**more), capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def setUp(self):
        super().setUp()
        self.files = pipeline(transformer__diffusion_pytorch_model_safetensors=big(2)) | {"big.safetensors": big(3, 1)}
        self.hub.repos["org/model"] = Repo(self.files)

    def test_what_python_fetched_swan_finds(self):
        path = self.python("print(json.dumps(h.snapshot_download('org/model')))")
        self.assertEqual(path, str(self.snapshot()))
        with self.hub.counted() as lines:
            report = self.pull("org/model")
        self.assertEqual(lines, ["HEAD /org/model/resolve/main/model_index.json"])
        self.assertEqual(report["path"], path)
        self.assertEqual(report["downloaded_bytes"], 0)
        with self.hub.counted() as lines:
            self.pull("org/model", "--offline")
            self.pull("org/model@" + report["commit"])
        self.assertEqual(lines, [])

    def test_what_swan_fetched_python_finds(self):
        self.pull("org/model")
        with self.hub.counted() as lines:
            found = self.python("""
path = h.snapshot_download('org/model', local_files_only=True)
scan = h.scan_cache_dir()
repo, = scan.repos
print(json.dumps({
    'path': path, 'config': h.try_to_load_from_cache('org/model', 'transformer/config.json'),
    'offline': h.hf_hub_download('org/model', 'model_index.json', local_files_only=True),
    'warnings': [str(w) for w in scan.warnings], 'id': repo.repo_id, 'bytes': repo.size_on_disk,
    'refs': sorted(repo.refs), 'files': sorted(os.path.relpath(str(f.file_path), path)
                                               for r in repo.revisions for f in r.files)}))""")
        self.assertEqual(lines, [])
        self.assertEqual(found["path"], str(self.snapshot()))
        self.assertEqual(found["config"], str(self.snapshot() / "transformer" / "config.json"))
        self.assertEqual(found["offline"], str(self.snapshot() / "model_index.json"))
        self.assertEqual((found["warnings"], found["id"], found["refs"]), ([], "org/model", ["main"]))
        self.assertEqual(set(found["files"]), NEEDED)
        # Online, it asks for what is missing and for nothing that Swan has fetched.
        with self.hub.counted() as lines:
            self.python("h.snapshot_download('org/model')")
        fetched = [line.split("/resolve/")[1].split("/", 1)[1] for line in lines if line.startswith("GET /org/")]
        self.assertEqual(set(fetched) & NEEDED, set())
        self.assertIn("onnx/model.onnx", fetched)
        self.assertEqual(files_of(self.snapshot()), self.files)

    def test_absent_files(self):
        self.hub_swan("pull", "org/model/absent.gguf", expect=1)
        self.assertIs(self.python("print(json.dumps(h.try_to_load_from_cache('org/model', 'absent.gguf', "
                                  f"revision='{self.hub.repos['org/model'].sha('main')}') is h._CACHED_NO_EXIST))"), True)

    def test_the_same_lock(self):
        """filelock, which huggingface_hub takes, holds Swan up, and Swan holds up filelock."""
        oid = hashlib.sha256(self.files["big.safetensors"]).hexdigest()
        lock = self.cache / ".locks" / "models--org--model" / f"{oid}.lock"
        lock.parent.mkdir(parents=True)
        holder = subprocess.Popen([sys.executable, "-c", f"""
from huggingface_hub.utils import WeakFileLock
with WeakFileLock({str(lock)!r}):
    print('held', flush=True)
    input()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(holder.stdout.close)
        self.assertEqual(holder.stdout.readline(), "held\n")
        swan = self.start_pull("org/model/big.safetensors")
        self.wait_for(swan, "swan: another process downloads big.safetensors")
        self.assertFalse((self.snapshot() / "big.safetensors").exists())
        holder.communicate("\n", timeout=30)
        _, err = swan.communicate(timeout=30)
        self.assertEqual(swan.returncode, 0, err)
        self.assertEqual((self.snapshot() / "big.safetensors").read_bytes(), self.files["big.safetensors"])

    def test_python_waits_while_swan_downloads(self):
        self.hub.fault("GET /blob/*", None, slow=0.4)
        swan = self.start_pull("org/model/big.safetensors", "--connections", "1", "--quiet")
        blobs = self.repo_folder() / "blobs"
        while not list(blobs.glob("*.swan.incomplete")):
            self.assertIsNone(swan.poll())
        self.python("h.hf_hub_download('org/model', 'big.safetensors')")
        _, err = swan.communicate(timeout=30)
        self.assertEqual(swan.returncode, 0, err)
        ranges = [headers.get("Range") for server, _, headers in self.hub.requests if server == "cdn"]
        self.assertNotIn(None, ranges, "Python downloaded nothing")
        self.assertEqual(files_of(self.snapshot())["big.safetensors"], self.files["big.safetensors"])

    def test_a_token_that_python_stored(self):
        self.hub.repos["org/private"] = Repo(self.files, private=True)
        (self.home / "token").write_text(TOKEN)
        self.assertEqual(self.python("print(json.dumps(h.get_token()))"), TOKEN)
        self.pull("org/private")


if __name__ == "__main__":
    unittest.main()
