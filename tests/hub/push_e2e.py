"""swan push and swan card: what is written to a hub, and that it comes back the same."""

import json
import subprocess
import sys
import unittest

from hub_test_case import TINY, TOKEN, HubTest, Repo, big, files_of
from swan_program import MODEL, WAN

try:
    import huggingface_hub
except ImportError:
    huggingface_hub = None


class Push(HubTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "source"
        self.files = {"config.json": b'{"a": 1}', "README.md": b"---\nlicense: mit\n---\n", "sub/model.safetensors": big(3),
                      "sub/same.safetensors": big(3), "empty.txt": b"", "umlaut \u00e4.json": b"{}"}
        self.write(self.files)

    def write(self, files):
        for path, data in files.items():
            (self.source / path).parent.mkdir(parents=True, exist_ok=True)
            (self.source / path).write_bytes(data)

    def push(self, *arguments, **kwargs):
        env = {"HF_TOKEN": TOKEN, **kwargs.pop("env", {})}
        return self.hub_swan("push", "source", *arguments, env=env, **kwargs)

    def pushed(self, name="org/new", revision="main"):
        repo = self.hub.repos[name]
        return {path: data for path, data in repo.commits[repo.sha(revision)].items() if path != ".gitattributes"}

    def puts(self):
        return [line for line in self.hub.lines("cdn") if line.startswith("PUT")]

    def test_a_new_repository(self):
        report = self.json_line(self.push("org/new", "--json"))
        self.assertEqual(self.pushed(), self.files)
        self.assertEqual(report["commit"], self.hub.repos["org/new"].sha("main"))
        self.assertEqual((report["created"], report["unchanged"]), (True, False))
        self.assertEqual(report["url"], self.hub.endpoint + "/org/new")
        self.assertEqual(len(self.puts()), 1, "the same content goes once")
        self.assertFalse(self.hub.repos["org/new"].private)
        self.assertEqual(self.hub.repos["org/new"].messages[-1], "Upload of source with Swan")
        self.assertFalse([h for s, _, h in self.hub.requests if s == "cdn" and "Authorization" in h])

    def test_and_back(self):
        self.push("org/new", "--private", "--message", "first")
        self.assertTrue(self.hub.repos["org/new"].private)
        self.assertEqual(self.hub.repos["org/new"].messages[-1], "first")
        self.pull("org/new", "--include", "*", "--exclude", ".gitattributes", env={"HF_TOKEN": TOKEN})
        self.assertEqual(files_of(self.snapshot("org/new")), self.files)

    @unittest.skipIf(huggingface_hub is None, "huggingface_hub is not installed: run ./dev setup-python")
    def test_python_downloads_what_swan_pushed_and_the_reverse(self):
        self.push("org/new")
        done = subprocess.run([sys.executable, "-c", """
import huggingface_hub as h
print(h.snapshot_download('org/new', local_dir='copy'))
api = h.HfApi()
api.create_repo('org/python')
api.upload_folder(repo_id='org/python', folder_path='source')
"""], cwd=self.folder, env=self.environment(HF_TOKEN=TOKEN), capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        copy = {path: data for path, data in files_of(self.folder / "copy").items() if not path.startswith(".")}
        self.assertEqual(copy, self.files)
        self.assertEqual(self.pushed("org/python"), self.files)
        self.assertIn("nothing has changed", self.push("org/python").out)

    def test_what_is_there_is_not_sent_again(self):
        self.push("org/new")
        sha = self.hub.repos["org/new"].sha("main")
        before = len(self.puts())
        outcome = self.push("org/new")
        self.assertIn("nothing has changed", outcome.out)
        self.assertEqual(self.hub.repos["org/new"].sha("main"), sha)
        self.write({"config.json": b'{"a": 2}'})
        with self.hub.counted() as lines:
            report = self.json_line(self.push("org/new", "--json"))
        self.assertEqual(len(self.puts()), before)
        self.assertEqual([f["path"] for f in report["files"] if not f["present"]], ["config.json"])
        self.assertEqual(self.pushed()["config.json"], b'{"a": 2}')
        self.assertEqual([line for line in lines if "/lfs/" in line], [])

    def test_branches_and_pull_requests(self):
        self.hub.repos["org/old"] = Repo({"config.json": b"{}"})
        self.push("org/old@next")
        self.assertEqual(self.pushed("org/old"), {"config.json": b"{}"})
        self.assertEqual(self.pushed("org/old", "next"), self.files)
        report = self.json_line(self.push("org/old", "--create-pr", "--json"))
        self.assertEqual(self.pushed("org/old"), {"config.json": b"{}"})
        self.assertEqual(self.pushed("org/old", "refs/pr/1"), self.files)
        self.assertEqual(report["pull_request"], self.hub.endpoint + "/org/old/discussions/1")
        self.push("org/old@" + "a" * 40, expect=2)

    def test_patterns_and_litter(self):
        self.write({".git/config": b"x", "a.ignored": b"x", "blob.incomplete": b"x", "__pycache__/x.pyc": b"x", ".cache/y": b"x"})
        self.push("org/new", "--exclude", "sub/*")
        self.assertEqual(set(self.pushed()), {path for path in self.files if not path.startswith("sub/")})
        self.assertOneMessage(self.push("org/new", "--include", "*.zip", expect=2), "no file to push")

    def test_files_of_a_cache_are_pushed_through_their_links(self):
        self.hub.repos["org/model"] = Repo({"config.json": b"{}", "model.safetensors": b"weights"})
        report = self.pull("org/model")
        self.hub_swan("push", report["path"], "org/copy", env={"HF_TOKEN": TOKEN})
        self.assertEqual(self.pushed("org/copy"), {"config.json": b"{}", "model.safetensors": b"weights"})

    def test_servers_that_are_busy(self):
        self.hub.fault("PUT *", 2, status=503)
        self.hub.fault("POST */preupload/*", 1, status=502)
        self.push("org/new")
        self.assertEqual(self.pushed(), self.files)

    def test_what_a_hub_refuses(self):
        self.assertOneMessage(self.hub_swan("push", "source", "org/new", expect=1), "a token is needed", "HF_TOKEN")
        self.assertOneMessage(self.push("others/new", expect=1), "forbids it", "may write")
        self.assertOneMessage(self.push("org/new", env={"HF_TOKEN": "hf_wrong"}, expect=1), "does not know the token")
        self.assertOneMessage(self.push("org/new", "--offline", expect=2), "--offline")
        self.assertOneMessage(self.push("org/new/file", expect=2), "is not the name of a repository")
        self.assertOneMessage(self.hub_swan("push", "nothing", "org/new", env={"HF_TOKEN": TOKEN}, expect=1), "no such folder")
        self.assertEqual(self.hub.repos, {})
        self.hub.fault("POST *batch", 1, status=200, body=json.dumps({"objects": [
            {"oid": "x", "size": 1}]}).encode())
        self.assertOneMessage(self.push("org/new", expect=1), "make no sense")
        self.hub.fault("POST */commit/*", 1, status=400, body=b'{"error": "the file is too odd"}')
        self.assertOneMessage(self.push("org/new", expect=1), "the file is too odd")


class Parts(Push):
    """The same where large files go in parts."""

    hub_options = {"chunk_size": 1_000_000}

    def test_a_new_repository(self):
        self.push("org/new", "--connections", "3")
        self.assertEqual(self.pushed(), self.files)
        self.assertEqual(len(self.puts()), 4)
        self.assertEqual(len([line for line in self.hub.lines() if line.startswith("POST /complete/")]), 1)

    def test_a_part_that_fails_and_the_next_attempt(self):
        self.write({"other.safetensors": big(2, 5)})
        self.hub.fault("PUT /part/*/2?*", None, status=403)
        outcome = self.push("org/new", "--connections", "1", expect=1)
        self.assertOneMessage(outcome, "storage answered with status 403", "push again")
        self.hub.faults.clear()
        self.push("org/new")
        self.assertEqual(self.pushed(), {**self.files, "other.safetensors": big(2, 5)})

    # Once is enough for what does not depend on the parts.
    test_and_back = test_branches_and_pull_requests = test_patterns_and_litter = None
    test_files_of_a_cache_are_pushed_through_their_links = test_what_a_hub_refuses = None
    test_python_downloads_what_swan_pushed_and_the_reverse = test_what_is_there_is_not_sent_again = None


class Card(HubTest):
    def card(self, *arguments, **kwargs):
        return self.hub_swan("card", *arguments, **kwargs)

    def test_what_it_says(self):
        text = self.card(TINY, "--license", "apache-2.0", "--base-model", "org/base", "--repo", "org/new", "--tag", "tiny",
                         "-o", "-").out
        front = text.split("---\n")[1]
        self.assertEqual(front, "license: apache-2.0\nlibrary_name: diffusers\npipeline_tag: text-to-image\n"
                                "base_model: org/base\ntags:\n- swan\n- text-to-image\n- sana\n- tiny\n")
        for part in ("# new\n", "made from `org/base`", 'swan image "a red fox in the snow" --model org/new\n',
                     'SanaPipeline.from_pretrained("org/new", torch_dtype=torch.', "| transformer | SanaTransformer2DModel | ",
                     "| total | | ", "Weights are not quantised."):
            self.assertIn(part, text)
        self.assertIn("pipeline_tag: text-to-video\n", self.card(WAN, "-o", "-").out)

    @unittest.skipIf(huggingface_hub is None, "huggingface_hub is not installed: run ./dev setup-python")
    def test_huggingface_hub_reads_it(self):
        self.card(TINY, "--license", "mit", "--tag", "yes: [no", "--tag", "1.0", "--tag", "on", "--tag", "1_000",
                  "--tag", "True", "--tag", ".inf", "-o", "card.md")
        card = huggingface_hub.ModelCard.load(str(self.folder / "card.md"))
        self.assertEqual((card.data.license, card.data.pipeline_tag, card.data.library_name),
                         ("mit", "text-to-image", "diffusers"))
        self.assertEqual(card.data.tags, ["swan", "text-to-image", "sana", "yes: [no", "1.0", "on", "1_000",
                                          "True", ".inf"])

    def test_samples_are_made_with_the_model(self):
        report = self.json_line(self.card(MODEL, "--license", "apache-2.0", "--sample", "a red [apple]",
                                          "-o", "out/README.md", "--json", "--force"))
        self.assertEqual(report["samples"], [{"file": "samples/sample_0.png", "prompt": "a red [apple]"}])
        self.assertIn("![a red \\[apple\\]](samples/sample_0.png)", (self.folder / "out" / "README.md").read_text())
        self.assertGreater((self.folder / "out" / "samples" / "sample_0.png").stat().st_size, 100)

    def test_a_card_is_not_replaced_by_accident(self):
        (self.folder / "README.md").write_text("mine")
        outcome = self.card(TINY, "-o", "README.md", expect=2)
        self.assertOneMessage(outcome, "is there already", "--force")
        self.assertEqual((self.folder / "README.md").read_text(), "mine")
        outcome = self.card(TINY, "-o", "README.md", "--force")
        self.assertIn("names no licence", outcome.err)
        self.assertTrue((self.folder / "README.md").read_text().startswith("---\n"))

    def test_what_makes_no_sense(self):
        self.assertOneMessage(self.card(TINY, "--license", "My Licence", "-o", "-", expect=2), "no licence's name")
        self.assertOneMessage(self.card(TINY, "--base-model", "x", "-o", "-", expect=2), "should be org/name")
        self.assertOneMessage(self.card("nothing", "-o", "-", expect=1), "no such folder")


if __name__ == "__main__":
    unittest.main()
