"""swan pull and names of a hub's models: what is fetched, where it goes, and what happens when things go wrong."""

import hashlib
import json
import os
import pathlib
import shutil
import signal
import ssl
import subprocess
import time
import unittest

from hub_test_case import NEEDED, TINY, TOKEN, HubTest, Repo, big, files_of, pipeline
from swan_program import MODEL, PROGRAM, read_png


class Selection(HubTest):
    """Which files come."""

    def test_what_swan_needs_and_nothing_else(self):
        self.hub.page = 5  # the list comes in several pages
        self.hub.repos["org/model"] = Repo(pipeline())
        report = self.pull("org/model")
        self.assertEqual({file["path"] for file in report["files"]}, NEEDED)
        self.assertEqual(report["path"], str(self.snapshot()))
        kept = {path: data for path, data in pipeline().items() if path in NEEDED}
        self.assertEqual(files_of(self.snapshot()), kept)
        self.assertEqual(report["downloaded_bytes"], sum(map(len, kept.values())))
        self.assertFalse([line for line in self.hub.content_requests() if ".bin" in line or "onnx" in line])

    def test_the_layout_is_that_of_huggingface_hub(self):
        self.hub.repos["org/model"] = Repo(pipeline())
        self.pull("org/model")
        sha = self.hub.repos["org/model"].sha("main")
        self.assertEqual((self.repo_folder() / "refs" / "main").read_text(), sha)
        link = self.snapshot() / "transformer" / "config.json"
        self.assertTrue(link.is_symlink())
        self.assertTrue(os.readlink(link).startswith("../../../blobs/"), os.readlink(link))
        self.assertTrue((self.cache / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55"))
        self.assertEqual([p.name for p in (self.repo_folder() / "blobs").iterdir() if "." in p.name], [])

    def test_a_variant(self):
        self.hub.repos["org/model"] = Repo(pipeline())
        report = self.pull("org/model", "--variant", "fp16")
        paths = {file["path"] for file in report["files"]}
        self.assertIn("transformer/diffusion_pytorch_model.fp16.safetensors", paths)
        self.assertNotIn("transformer/diffusion_pytorch_model.safetensors", paths)
        self.assertIn("text_encoder/model-00001-of-00002.safetensors", paths, "it has no fp16, so its plain files")
        outcome = self.hub_swan("pull", "org/model", "--variant", "fp8", expect=1)
        self.assertOneMessage(outcome, "no weights of variant fp8", "model-00001-of-00002.safetensors")

    def test_patterns(self):
        self.hub.repos["org/model"] = Repo(pipeline())
        report = self.pull("org/model", "--include", "*.json", "--include", "onnx/", "--exclude", "text_*")
        self.assertEqual({file["path"] for file in report["files"]},
                         {"model_index.json", "transformer/config.json", "tokenizer/tokenizer.json", "onnx/model.onnx",
                          "tokenizer/tokenizer_config.json", "scheduler/scheduler_config.json",
                          "feature_extractor/preprocessor_config.json"})
        self.assertOneMessage(self.hub_swan("pull", "org/model", "--include", "*.zip", expect=1), "no file", "*.zip")

    def test_one_file_and_one_folder(self):
        self.hub.repos["org/files"] = Repo({"README.md": b"r", "q4.gguf": b"a" * 5000, "q8.gguf": b"b" * 9000,
                                            "vae/config.json": b"{}", "vae/model.safetensors": b"c" * 100})
        report = self.pull("org/files/q4.gguf")
        self.assertEqual({file["path"] for file in report["files"]}, {"README.md", "q4.gguf"})
        self.assertEqual(pathlib.Path(report["path"]).read_bytes(), b"a" * 5000)
        report = self.pull("org/files/vae@main")
        self.assertEqual(sorted(os.listdir(report["path"])), ["config.json", "model.safetensors"])
        outcome = self.hub_swan("pull", "org/files", expect=1)
        self.assertOneMessage(outcome, "org/files/q4.gguf, org/files/q8.gguf")
        outcome = self.hub_swan("pull", "org/files/q5.gguf", expect=1)
        self.assertOneMessage(outcome, "no file or folder 'q5.gguf'")
        mark = self.repo_folder("org/files") / ".no_exist" / self.hub.repos["org/files"].sha("main") / "q5.gguf"
        self.assertTrue(mark.is_file())

    def test_pickled_weights_alone_are_refused(self):
        files = pipeline()
        del files["transformer/diffusion_pytorch_model.safetensors"]
        del files["transformer/diffusion_pytorch_model.fp16.safetensors"]
        self.hub.repos["org/model"] = Repo(files)
        outcome = self.hub_swan("pull", "org/model", expect=1)
        self.assertOneMessage(outcome, "transformer/", "pickled", "diffusion_pytorch_model.bin")

    def test_a_dry_run(self):
        self.hub.repos["org/model"] = Repo(pipeline())
        outcome = self.hub_swan("pull", "org/model", "--dry-run")
        self.assertIn("would be downloaded", outcome.out)
        self.assertIn("text_encoder/model-00002-of-00002.safetensors", outcome.out)
        self.assertFalse([line for line in self.hub.content_requests() if ".safetensors" in line.split("?")[0][-12:]])


class Revisions(HubTest):
    def setUp(self):
        super().setUp()
        self.repo = self.hub.repos["org/model"] = Repo(pipeline())
        self.first = self.repo.sha("main")
        self.repo.refs["v1"] = self.first
        self.second = self.repo.commit("main", pipeline(transformer__config_json=b'{"new": 1}'))
        self.repo.refs["refs/pr/7"] = self.second

    def test_branches_tags_commits_and_pull_requests(self):
        for name, commit in (("org/model", self.second), ("org/model@v1", self.first), ("org/model@refs/pr/7", self.second),
                             (f"hf://org/model@{self.first}", self.first),
                             (f"{self.hub.endpoint}/org/model/tree/v1", self.first)):
            self.assertEqual(self.pull(name)["commit"], commit, name)
        self.assertEqual(self.pull("org/model", "--revision", "v1")["commit"], self.first)
        self.assertEqual((self.repo_folder() / "refs" / "refs" / "pr" / "7").read_text(), self.second)
        outcome = self.hub_swan("pull", "org/model@v9", expect=1)
        self.assertOneMessage(outcome, "no revision 'v9'", "branch, tag or commit")
        self.hub_swan("pull", "org/model@v1", "--revision", "v2", expect=2)

    def test_a_complete_commit_needs_no_network_and_a_branch_one_small_request(self):
        self.pull("org/model@" + self.first)
        with self.hub.counted() as lines:
            self.pull("org/model@" + self.first)
        self.assertEqual(lines, [])
        self.pull("org/model")
        with self.hub.counted() as lines:
            self.assertTrue(all(file["cached"] for file in self.pull("org/model")["files"]))
        self.assertEqual(lines, ["HEAD /org/model/resolve/main/model_index.json"])

    def test_unchanged_content_is_not_fetched_again(self):
        self.pull("org/model@v1")
        with self.hub.counted() as lines:
            self.pull("org/model")
        self.assertEqual([line for line in lines if line.startswith("GET") and "/api/" not in line], [])

    def test_offline(self):
        outcome = self.hub_swan("pull", "org/model", "--offline", expect=1)
        self.assertOneMessage(outcome, "not in the cache", "--offline")
        self.pull("org/model")
        with self.hub.counted() as lines:
            for env, options in (({"HF_HUB_OFFLINE": "1"}, []), ({}, ["--offline"])):
                self.assertEqual(self.pull("org/model", *options, env=env)["commit"], self.second)
            (self.snapshot() / "text_encoder" / "model-00002-of-00002.safetensors").unlink()
            outcome = self.hub_swan("pull", "org/model", "--offline", expect=1)
        self.assertOneMessage(outcome, "not complete", "model-00002-of-00002.safetensors")
        self.assertEqual(lines, [])

    def test_a_hub_that_cannot_be_reached(self):
        gone = {"HF_ENDPOINT": "http://127.0.0.1:9"}
        outcome = self.hub_swan("pull", "org/model", env=gone, expect=1)
        self.assertOneMessage(outcome, "cannot be reached", "HF_ENDPOINT", "--offline")
        # A host that is not found leaves libcurl in another state than a port that is closed.
        outcome = self.hub_swan("pull", "org/model", env={"HF_ENDPOINT": "http://no.such.host.invalid"}, expect=1)
        self.assertOneMessage(outcome, "cannot be reached", "no.such.host.invalid")
        self.pull("org/model")
        outcome = self.hub_swan("pull", "org/model", env=gone)
        self.assertIn(f"Using org/model@{self.second[:12]}", outcome.err)

    def test_a_hub_below_a_path_of_its_server(self):
        self.hub.prefix, self.hub.page = "/api/mirror", 5
        self.assertEqual(self.pull("org/model")["commit"], self.second)
        self.assertEqual(self.pull(f"{self.hub.endpoint}/org/model/tree/v1")["commit"], self.first)
        self.assertEqual({line.split()[1][:12] for line in self.hub.lines("hub")}, {"/api/mirror/"})

    def test_a_network_that_wants_people_to_log_in_first(self):
        self.pull("org/model")
        self.hub.fault("*", None, status=200, body=b"<html>Welcome to our hotel")
        outcome = self.hub_swan("pull", "org/model")
        self.assertIn(f"Using org/model@{self.second[:12]}", outcome.err)
        outcome = self.hub_swan("pull", "org/other", expect=1)
        self.assertOneMessage(outcome, "does not answer as a hub does", "HF_ENDPOINT")

    def test_a_mirror_that_names_no_commits_in_headers(self):
        self.hub.omit_commit_header = True
        report = self.pull("org/model", "--endpoint", self.hub.endpoint, env={"HF_ENDPOINT": "http://127.0.0.1:9"})
        self.assertEqual(report["commit"], self.second)


    def test_what_lies_there_by_chance_is_not_taken_for_all(self):
        """A snapshot may hold a part of what the repository has: other programs fetch single files, and so does Swan."""
        repo = self.hub.repos["org/model"] = Repo(pipeline(
            text_encoder__model_fp16_safetensors=b"", **{"text_encoder/model.fp16.safetensors": b"half" * 9}))
        self.pull("org/model")  # all without a variant, and then one component of fp16
        self.pull("org/model/transformer", "--variant", "fp16")
        paths = {file["path"] for file in self.pull("org/model", "--variant", "fp16")["files"]}
        self.assertIn("text_encoder/model.fp16.safetensors", paths)
        # Where the hub has no more, it is asked once.
        repo.commit("main", pipeline())
        for _ in range(2):
            with self.hub.counted() as lines:
                self.pull("org/model", "--variant", "fp16")
        self.assertEqual(lines, ["HEAD /org/model/resolve/main/model_index.json"])
        # A configuration beside a file that another program fetched alone.
        self.hub.repos["org/file"] = Repo({"config.json": b"{}", "q4.gguf": b"a" * 50})
        self.pull("org/file/q4.gguf")
        (self.snapshot("org/file") / "config.json").unlink()
        with self.hub.counted() as lines:
            self.assertEqual(len(self.pull("org/file/q4.gguf", "--offline")["files"]), 1)
            self.assertEqual(lines, [])
        gone = {"HF_ENDPOINT": "http://127.0.0.1:9"}
        sha = self.hub.repos["org/file"].sha("main")
        outcome = self.hub_swan("pull", f"org/file/q4.gguf@{sha}", env=gone)
        self.assertIn(f"Using what is cached of org/file@{sha[:12]}", outcome.err)
        self.assertEqual(len(self.pull(f"org/file/q4.gguf@{sha}")["files"]), 2)

    def test_a_cache_that_cannot_be_written(self):
        self.pull("org/model")
        shutil.rmtree(self.cache / ".locks")
        with self.as_environment():
            done = self.in_a_read_only_folder(self.home, "pull", "org/model", "--include", "*.json", "--exclude", "feature*")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_what_is_cached_does_when_the_hub_lets_nobody_in_any_more(self):
        self.pull("org/model")
        for change in ({"private": True}, {"private": False, "gated": True}):
            vars(self.repo).update(change)
            outcome = self.hub_swan("pull", "org/model")
            self.assertIn(f"Using org/model@{self.second[:12]}", outcome.err)
            self.hub_swan("pull", "org/model", "--variant", "fp16", expect=1)
        self.assertIn("does not know the token", self.hub_swan("pull", "org/model", env={"HF_TOKEN": "hf_no"}).err)
        del self.repo.refs["main"]  # that is no matter of who asks
        self.repo.gated = False
        self.assertOneMessage(self.hub_swan("pull", "org/model", expect=1), "no revision 'main'")


class Access(HubTest):
    def test_tokens_from_the_usual_places(self):
        self.hub.repos["org/private"] = Repo(pipeline(), private=True)
        outcome = self.hub_swan("pull", "org/private", expect=1)
        self.assertOneMessage(outcome, "no such model, or it is private", "HF_TOKEN")
        for name, env in (("token", {}), ("elsewhere", {"HF_TOKEN_PATH": str(self.home / "elsewhere")}),
                          (".huggingface/token", {})):
            path = self.home / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(TOKEN + "\n")
            self.pull("org/private", "--include", "README.md", env=env)
            path.unlink()
        self.pull("org/private", env={"HF_TOKEN": TOKEN})

    def test_the_token_goes_to_no_other_server_and_is_never_shown(self):
        self.hub.repos["org/private"] = Repo({**pipeline(), "big.safetensors": big(3)}, private=True)
        outcome = self.hub_swan("pull", "org/private", "--include", "*", "--verbose", env={"HF_TOKEN": TOKEN})
        sent = [headers for server, _, headers in self.hub.requests if server == "cdn"]
        self.assertGreater(len(sent), 3)
        self.assertFalse([headers for headers in sent if "Authorization" in headers])
        self.assertTrue(all("Authorization" in headers for server, _, headers in self.hub.requests if server == "hub"))
        self.assertNotIn(TOKEN, outcome.out + outcome.err)
        self.assertNotIn("Signature", outcome.out + outcome.err)

    def test_wrong_tokens(self):
        self.hub.repos["org/model"] = Repo(pipeline())
        outcome = self.hub_swan("pull", "org/model", env={"HF_TOKEN": "hf_wrong"}, expect=1)
        self.assertOneMessage(outcome, "does not know the token of HF_TOKEN", "make a new one")
        self.assertNotIn("hf_wrong", outcome.err)
        outcome = self.hub_swan("pull", "org/model", env={"HF_TOKEN": "two words"}, expect=2)
        self.assertOneMessage(outcome, "the token of HF_TOKEN holds characters")
        self.assertNotIn("two words", outcome.err)

    def test_a_licence_that_has_to_be_accepted(self):
        self.hub.repos["org/gated"] = Repo(pipeline(), gated=True)
        outcome = self.hub_swan("pull", "org/gated", expect=1)
        self.assertOneMessage(outcome, "accept a licence", self.hub.endpoint + "/org/gated", "set HF_TOKEN")
        outcome = self.hub_swan("pull", "org/gated", env={"HF_TOKEN": TOKEN}, expect=1)
        self.assertOneMessage(outcome, "accept a licence", "the token of HF_TOKEN")
        self.hub.repos["org/gated"].gated = "accepted"
        self.pull("org/gated", env={"HF_TOKEN": TOKEN})

    def test_a_model_that_is_not_there(self):
        outcome = self.hub_swan("pull", "org/nothing", expect=1)
        self.assertOneMessage(outcome, "org/nothing", "no such model")
        for name in ("nothing", "a/../b", "../x/y", "org/na me", "org//x", "https://elsewhere.example/org/model"):
            self.assertOneMessage(self.hub_swan("pull", name, expect=2), "is not the name of a model")

    def test_certificates_are_checked(self):
        if shutil.which("openssl") is None:
            self.skipTest("openssl is not installed")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
                        "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"],
                       cwd=self.folder, check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")
        self.hub.main.socket = context.wrap_socket(self.hub.main.socket, server_side=True)
        self.hub.repos["org/model"] = Repo(pipeline())
        address = self.hub.endpoint.replace("http://127.0.0.1", "https://localhost")
        outcome = self.hub_swan("pull", "org/model", env={"HF_ENDPOINT": address, "HF_TOKEN": TOKEN}, expect=1)
        self.assertOneMessage(outcome, "cannot be trusted", "SSL_CERT_FILE")
        self.assertEqual(self.hub.requests, [], "nothing was sent, and no token")
        outcome = self.hub_swan("pull", "org/model", "--include", "*", expect=1,
                                env={"HF_ENDPOINT": address, "SSL_CERT_FILE": str(self.folder / "cert.pem")})
        self.assertOneMessage(outcome, "where Swan does not follow")  # large files would go on without encryption
        self.pull("org/model", "--include", "*.json",
                  env={"HF_ENDPOINT": address, "SSL_CERT_FILE": str(self.folder / "cert.pem")})
        # Systems keep what they trust in places of their own, of which libcurl knows that of the system it was built on.
        script = 'mount -t tmpfs none /etc/ssl 2>/dev/null || exit 77; cp "$1" /etc/ssl/ca-bundle.pem; shift; exec "$@"'
        with self.as_environment(HF_ENDPOINT=address, HF_HUB_CACHE=str(self.folder / "other")):
            done = self.among_mounts(script, self.folder / "cert.pem", PROGRAM, "pull", "org/model", "--include", "*.json")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_redirects_are_not_followed_everywhere(self):
        self.hub.repos["org/model"] = Repo(pipeline())
        self.hub.fault("GET /org/model/resolve/*/README.md", None, status=302,
                       headers={"Location": "file:///etc/passwd"})
        outcome = self.hub_swan("pull", "org/model", expect=1)
        self.assertOneMessage(outcome, "where Swan does not follow")
        # Another model: of the first all may have come but its README, without which it is whole.
        self.hub.repos["org/circle"] = Repo(pipeline())
        self.hub.fault("GET /org/circle/resolve/*", None, status=302, headers={"Location": "/org/circle/resolve/x/y"})
        self.assertOneMessage(self.hub_swan("pull", "org/circle", expect=1), "more than 10 times")

    def test_a_model_that_was_renamed(self):
        self.hub.repos["org/new"] = Repo(pipeline())
        sha = self.hub.repos["org/new"].sha("main")
        for method in ("HEAD", "GET"):
            for path in pipeline():
                self.hub.fault(f"{method} /org/old/resolve/*/{path}", None, status=307,
                               headers={"Location": f"/org/new/resolve/{sha}/{path}"})
        self.hub.fault("GET /api/models/org/old/tree/*", None, status=307,
                       headers={"Location": f"/api/models/org/new/tree/{sha}?recursive=true"})
        self.assertEqual(self.pull("org/old")["commit"], sha)


class Faults(HubTest):
    """The network and the other side at their worst."""

    def setUp(self):
        super().setUp()
        self.weights = big(6)
        self.hub.repos["org/model"] = Repo({"config.json": b"{}", "model.safetensors": self.weights})

    def content(self):
        return (self.snapshot() / "model.safetensors").read_bytes()

    def test_large_files_come_in_ranges_over_several_connections(self):
        self.pull("org/model", "--connections", "4")
        self.assertEqual(self.content(), self.weights)
        ranges = {headers["Range"] for server, _, headers in self.hub.requests if server == "cdn"}
        self.assertGreater(len(ranges), 3)

    def test_one_connection(self):
        self.pull("org/model", "--connections", "1")
        self.assertEqual(self.content(), self.weights)

    def test_a_server_without_ranges(self):
        self.hub.fault("GET /blob/*", None, no_ranges=True)
        self.pull("org/model")
        self.assertEqual(self.content(), self.weights)
        self.assertEqual(len(self.hub.lines("cdn")), 1)

    def test_cut_connections_go_on_where_they_were(self):
        self.hub.fault("GET /blob/*", 3, cut=700_001)
        self.pull("org/model", "--connections", "2")
        self.assertEqual(self.content(), self.weights)
        begins = [int(h["Range"][6:].split("-")[0]) for s, _, h in self.hub.requests if s == "cdn"]
        self.assertTrue([begin for begin in begins if begin % (1 << 20) != 0], begins)

    def test_cut_connections_without_ranges(self):
        self.hub.fault("GET /blob/*", None, no_ranges=True)
        self.hub.faults.insert(0, type(self.hub.faults[0])("GET /blob/*", 2, cut=2_500_000, no_ranges=True))
        self.pull("org/model")
        self.assertEqual(self.content(), self.weights)

    def test_a_connection_that_never_holds_is_given_up(self):
        self.hub.fault("GET /blob/*", None, cut=1000)
        outcome = self.hub_swan("pull", "org/model", "--connections", "1", expect=1)
        self.assertOneMessage(outcome, "does not come through", "tried 5 times", "what has come is kept")

    def test_servers_that_are_busy_or_out_of_order(self):
        self.hub.fault("HEAD *", 1, status=503)
        self.hub.fault("GET /api/*", 2, status=502)
        self.hub.fault("GET /blob/*", 2, status=500)
        self.hub.fault("GET */resolve/*/config.json", 1, status=429, headers={"Retry-After": "0"})
        self.pull("org/model")
        self.assertEqual(self.content(), self.weights)
        self.hub.fault("HEAD *", None, status=500)
        self.assertOneMessage(self.hub_swan("pull", "org/other", expect=1), "out of order (status 500)")
        with self.hub.counted() as lines:
            outcome = self.hub_swan("pull", "org/model")
        self.assertIn("(status 500)", outcome.err)
        self.assertIn("Using org/model@", outcome.err)
        self.assertEqual(len(lines), 1, "what is cached is used at once")

    def test_a_wait_that_is_asked_for_is_kept_and_a_long_one_said(self):
        self.hub.fault("HEAD *", 1, status=429, headers={"Retry-After": "1"})
        began = time.monotonic()
        self.pull("org/model")
        self.assertGreater(time.monotonic() - began, 0.9)
        # Those that have the content may ask for it too.
        self.hub.repos["org/model"].commit("main", {"model.safetensors": big(1, 5), "config.json": b"{}"})
        self.hub.fault("GET /blob/*", 1, status=429, headers={"Retry-After": "1"})
        began = time.monotonic()
        self.pull("org/model")
        self.assertGreater(time.monotonic() - began, 0.9)
        self.hub.fault("HEAD *", 1, status=429, headers={"Retry-After": "3600"})
        self.assertOneMessage(self.hub_swan("pull", "org/other", expect=1), "too many requests", "in 3600 s")

    def test_a_signed_address_that_expires(self):
        self.hub.fault("GET /blob/*", 2, skip=2, status=403, body=b"expired")
        self.pull("org/model", "--connections", "2")
        self.assertEqual(self.content(), self.weights)
        self.assertGreater(len([line for line in self.hub.lines("hub") if line.startswith("GET /org/")]), 2)

    def test_wrong_content_is_fetched_once_more_and_then_refused(self):
        self.hub.fault("GET /blob/*", 1, spoil=True)
        self.hub.fault("GET */config.json", 1, spoil=True)
        self.pull("org/model")
        self.assertEqual(self.content(), self.weights)
        for number, name in enumerate(("model.safetensors", "config.json")):
            repo = self.hub.repos["org/model"]
            repo.commit("main", {"config.json": b'{"number": %d}' % number, "model.safetensors": big(2, number)})
            fault = self.hub.fault("GET /blob/*" if "model" in name else "GET */config.json", None, spoil=True)
            outcome = self.hub_swan("pull", "org/model", expect=1)
            self.assertOneMessage(outcome, name, "is not what the hub lists, twice")
            self.assertFalse((self.snapshot() / name).exists())
            fault.times = 0
        self.assertEqual([p for p in (self.repo_folder() / "blobs").iterdir() if p.name.endswith(".incomplete")
                          and p.stat().st_size == 0], [])

    def test_endless_and_wrong_sizes(self):
        self.hub.fault("GET */config.json", None, endless=40, no_ranges=True)
        outcome = self.hub_swan("pull", "org/model", expect=1)
        self.assertOneMessage(outcome, "config.json", "more comes than the 2 bytes")
        self.hub.faults.clear()
        self.hub.fault("GET /api/*", None, status=200, body=b"[" * (65 << 20))
        self.assertOneMessage(self.hub_swan("pull", "org/model", expect=1), "is larger than the")

    def test_silence_ends(self):
        self.hub.fault("HEAD *", 1, silent=20)
        self.hub.fault("GET /blob/*", 1, silent=20)
        began = time.monotonic()
        self.pull("org/model", env={"HF_HUB_ETAG_TIMEOUT": "1", "HF_HUB_DOWNLOAD_TIMEOUT": "1"})
        self.assertEqual(self.content(), self.weights)
        self.assertLess(time.monotonic() - began, 15)

    def test_hostile_names(self):
        for path in ("../escape", "/etc/passwd", "a/../../b", "a\\b", "a\nb", "a//b", "config.json/x", "\x7f", "x" * 300):
            self.hub.extra_tree = [{"type": "file", "path": path, "size": 1, "oid": "0" * 40}]
            outcome = self.hub_swan("pull", "org/model", expect=1)
            self.assertOneMessage(outcome, "the hub lists")
        for entry in ({"type": "file", "path": "x", "oid": "0" * 40}, {"type": "file", "path": "x", "size": -1},
                      {"type": "file", "path": "x", "size": 1 << 60}, {"path": 7}, 7):
            self.hub.extra_tree = [entry]
            self.hub_swan("pull", "org/model", expect=1)
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["home"])

    def test_a_folder_that_leads_out_of_the_cache(self):
        self.hub.repos["org/model"] = Repo({"vae/config.json": b"{}", "vae/model.safetensors": b"x"})
        self.snapshot().mkdir(parents=True)
        (self.folder / "outside").mkdir()
        (self.snapshot() / "vae").symlink_to(self.folder / "outside")
        self.assertOneMessage(self.hub_swan("pull", "org/model/vae", expect=1), "leads out of the snapshot")
        self.assertEqual(os.listdir(self.folder / "outside"), [])

    def test_more_than_the_disk_holds(self):
        self.hub.extra_tree = [{"type": "file", "path": "more.safetensors", "size": 1 << 49, "oid": "0" * 40,
                                "lfs": {"oid": "1" * 64, "size": 1 << 49, "pointerSize": 1}}]
        outcome = self.hub_swan("pull", "org/model", "--include", "*", expect=1)
        self.assertOneMessage(outcome, "512.0 TiB", "are free", "HF_HUB_CACHE")

    def test_a_cache_without_links(self):
        self.pull("org/model", env={"HF_HUB_DISABLE_SYMLINKS": "1"})
        self.assertFalse((self.snapshot() / "config.json").is_symlink())
        self.assertEqual(self.content(), self.weights)


    def test_a_file_system_without_links(self):
        if shutil.which("cc") is None:
            self.skipTest("there is no compiler")
        calls = ("symlink(const char*a,const char*b)", "symlinkat(const char*a,int d,const char*b)",
                 "link(const char*a,const char*b)", "linkat(int c,const char*a,int d,const char*b,int e)")
        (self.folder / "no.c").write_text("#include <errno.h>\n" + "".join(
            f"int {call} {{ errno = EPERM; return -1; }}\n" for call in calls))
        subprocess.run(["cc", "-shared", "-fPIC", "-o", "no.so", "no.c"], cwd=self.folder, check=True)
        without = {"LD_PRELOAD": str(self.folder / "no.so"), "ASAN_OPTIONS": "verify_asan_link_order=0"}
        self.hub.repos["org/model"].commit("main", {"config.json": b"{}", "a/config.json": b"{}",
                                                    "model.safetensors": self.weights})
        self.pull("org/model", "--include", "*", env=without)
        self.assertEqual(self.content(), self.weights)
        self.assertEqual((self.snapshot() / "a" / "config.json").read_bytes(), b"{}")
        kept = sum(path.stat().st_size for path in self.repo_folder().rglob("*") if path.is_file() and path.parent.name != "refs")
        self.assertEqual(kept, len(self.weights) + 4, "the weights are there once")
        with self.hub.counted() as lines:
            self.pull("org/model", env=without)
        self.assertEqual(len(lines), 1)


class Interrupted(HubTest):
    def setUp(self):
        super().setUp()
        self.weights = big(12)
        self.hub.repos["org/model"] = Repo({"config.json": b"{}", "model.safetensors": self.weights})
        self.slow = self.hub.fault("GET /blob/*", None, slow=0.15)

    def stop(self, number):
        """Stops the program when some of a file has come. Returns the bytes that had come and what it printed."""
        process = self.start_pull("org/model", "--connections", "3")
        blobs = self.repo_folder() / "blobs"
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                came = max((p.read_bytes().split(b"\n")[-1].count(b"1") for p in blobs.glob("*.swan.pieces")), default=0)
            except FileNotFoundError:  # of the small file, which is whole by now
                came = 0
            if came >= 3:
                break
            time.sleep(0.01)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        return process.returncode, out, err

    def resumed(self):
        """Pulls again; returns the MiB that were asked for anew."""
        self.slow.times = 0
        before = len(self.hub.requests)
        report = self.pull("org/model")
        self.assertEqual((self.snapshot() / "model.safetensors").read_bytes(), self.weights)
        self.assertEqual([p.name for p in (self.repo_folder() / "blobs").iterdir() if "swan" in p.name], [])
        asked = 0
        for server, _, headers in self.hub.requests[before:]:
            if server == "cdn":
                begin, end = headers["Range"][6:].split("-")
                asked += int(end) + 1 - int(begin)
        return asked / (1 << 20), report

    def test_kill_9_and_go_on(self):
        code, _, _ = self.stop(signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)
        asked, _ = self.resumed()
        self.assertLessEqual(asked, 9.01)
        self.assertGreater(asked, 0)

    def test_ctrl_c_leaves_what_has_come_and_says_so(self):
        code, _, err = self.stop(signal.SIGINT)
        self.assertEqual(code, 130, err)
        self.assertIn("what has been", err)
        self.assertLessEqual(self.resumed()[0], 9.01)

    def test_the_beginning_that_huggingface_hub_left_is_taken_over(self):
        oid = hashlib.sha256(self.weights).hexdigest()
        blobs = self.repo_folder() / "blobs"
        blobs.mkdir(parents=True)
        (blobs / f"{oid}.incomplete").write_bytes(self.weights[:5_000_000])
        self.assertLessEqual(self.resumed()[0], 8.01)

    def test_two_at_once_fetch_once(self):
        self.slow.how["slow"] = 0.05
        processes = [self.start_pull("org/model", "--quiet") for _ in range(3)]
        for process in processes:
            _, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, 0, err)
        asked = sum(int(h["Range"][6:].split("-")[1]) + 1 - int(h["Range"][6:].split("-")[0])
                    for s, _, h in self.hub.requests if s == "cdn")
        self.assertEqual(asked, len(self.weights))

    def test_no_room(self):
        with self.as_environment(HF_HUB_CACHE=str(self.folder / "disk" / "hub")):
            done = self.on_a_small_disk("pull", "org/model", old="old", size="4m")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("are free", done.stderr)


class Names(HubTest):
    """Models of a hub wherever a model is named."""

    def test_a_picture_from_the_hub_is_that_from_the_folder(self):
        self.hub.repos["org/tiny"] = Repo(files_of(MODEL))
        draw = ["image", "a red apple", "--steps", "2", "--seed", "7"]
        outcome = self.hub_swan(*draw, "--model", "org/tiny", "-o", "hub.png")
        self.assertIn("swan: downloading org/tiny@", outcome.err)
        self.hub_swan(*draw, "--model", MODEL, "-o", "folder.png")
        self.assertEqual(read_png(self.folder / "hub.png"), read_png(self.folder / "folder.png"))
        with self.hub.counted() as lines:
            self.hub_swan("image", "--from", "hub.png", "-o", "again.png", "--quiet")
        self.assertEqual(read_png(self.folder / "again.png"), read_png(self.folder / "hub.png"))
        self.assertEqual(lines, [], "the settings name the commit")
        # The settings name a path in this cache. Where that is not, it says which commit of which model it was.
        self.hub_swan("image", "--from", "hub.png", "-o", "else.png", env={"HF_HOME": str(self.folder / "home2")})
        self.assertEqual(read_png(self.folder / "else.png"), read_png(self.folder / "hub.png"))

    def test_info_embed_and_convert(self):
        self.hub.repos["org/tiny"] = Repo(files_of(TINY))
        info = self.json_line(self.hub_swan("info", "org/tiny", "--json"))
        self.assertTrue(info["complete"])
        self.assertEqual(info["path"], str(self.snapshot("org/tiny")))
        self.hub_swan("embed", "a fox", "--model", "org/tiny@main", "-o", "fox.safetensors")
        self.hub_swan("convert", "org/tiny", "out", "--dtype", "f32", "--offline")
        self.assertTrue((self.folder / "out" / "model_index.json").is_file())

    def test_parts_come_from_repositories_of_their_own(self):
        files = files_of(MODEL)
        vae = {path.removeprefix("vae/"): data for path, data in files.items() if path.startswith("vae/")}
        self.hub.repos["org/vae"] = Repo(vae)
        self.hub.repos["org/tiny"] = Repo(files)
        draw = ["image", "a red apple", "--steps", "2", "--seed", "7", "--model", MODEL, "--quiet"]
        self.hub_swan(*draw, "--vae", "org/vae", "-o", "a.png")
        self.hub_swan(*draw, "--vae", "org/tiny", "-o", "b.png")
        self.hub_swan(*draw, "-o", "c.png")
        self.assertEqual(read_png(self.folder / "a.png"), read_png(self.folder / "c.png"))
        self.assertEqual(read_png(self.folder / "b.png"), read_png(self.folder / "c.png"))
        self.assertEqual(sorted(os.listdir(self.snapshot("org/tiny"))), ["README.md", "model_index.json", "vae"])

    def test_a_folder_of_that_name_wins(self):
        (self.folder / "org").mkdir()
        (self.folder / "org" / "tiny").symlink_to(MODEL)
        self.hub_swan("image", "a red apple", "--steps", "2", "--model", "org/tiny", "--quiet")
        self.assertEqual(self.hub.requests, [])
        outcome = self.hub_swan("image", "x", "--model", "org/tiny", "--revision", "v1", expect=2)
        self.assertOneMessage(outcome, "--revision is for a model of a hub")

    def test_a_name_that_is_neither_here_nor_there(self):
        outcome = self.hub_swan("image", "x", "--model", "models/mistyped", expect=1)
        self.assertOneMessage(outcome, "there is no file or folder 'models/mistyped', and as a model of a hub: cannot pull",
                              "no such model")
        outcome = self.hub_swan("image", "x", "--model", "models/mistyped.safetensors", expect=1)
        self.assertEqual(len(self.hub.requests), 1, outcome)

    def test_json_reports_failures(self):
        outcome = self.hub_swan("pull", "org/nothing", "--json", expect=1)
        self.assertEqual(json.loads(outcome.out)["error"]["code"], "not_found")


if __name__ == "__main__":
    unittest.main()
