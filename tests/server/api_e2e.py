"""The APIs of `swan serve` over HTTP, on the fake engine."""

import base64
import json
import os
import re
import signal
import subprocess
import threading
import time
import unittest

from served import FAKE, SOURCE, ServerTest

KEYS = {"SWAN_API_KEYS": "anna:anna-key-0123456789,ben:ben-key-9876543210"}
ANNA = {"Authorization": "Bearer anna-key-0123456789"}
BEN = {"Authorization": "Bearer ben-key-9876543210"}


class Jobs(ServerTest):
    def test_a_picture_from_queue_to_file(self):
        server = self.serve()
        status, headers, job = server.ask("POST", "/v1/jobs", {"prompt": "a red apple", "seed": 7, "n": 2})
        self.assertEqual(status, 202, job)
        self.assertEqual(headers["Location"], "/v1/jobs/" + job["id"])
        self.assertEqual((job["kind"], job["model"], job["request"]["format"]), ("image", "embedded", "png"))
        job = server.wait(job)
        self.assertEqual(job["status"], "succeeded", job)
        self.assertEqual([r["seed"] for r in job["results"]], [7, 8])
        self.assertEqual(job["results"][0]["parameters"]["prompt"], ["a red apple"])
        status, headers, data = server.ask("GET", job["results"][1]["url"])
        self.assertEqual((status, headers["Content-Type"]), (200, "image/png"))
        self.assertEqual(len(data), job["results"][1]["bytes"])
        etag = headers["ETag"]
        self.assertEqual(server.ask("GET", job["results"][1]["url"], headers={"If-None-Match": etag})[0], 304)
        status, headers, part = server.ask("GET", job["results"][1]["url"], headers={"Range": "bytes=1-3"})
        self.assertEqual((status, part, headers["Content-Range"]), (206, data[1:4], f"bytes 1-3/{len(data)}"))
        self.assertEqual(server.ask("GET", job["results"][1]["url"], headers={"Range": "bytes=9999-"})[0], 416)
        self.assertIn("attachment", server.ask("GET", job["results"][1]["url"] + "&download=1")[1]["Content-Disposition"])
        self.assertEqual(server.ask("GET", f"/v1/results/{job['id']}/2")[0], 404)

    def test_the_seed_is_chosen_and_said(self):
        server = self.serve()
        seeds = {server.ask("POST", "/v1/jobs", {"prompt": "x"})[2]["request"]["seed"] for _ in range(3)}
        self.assertEqual(len(seeds), 3)

    def test_a_video(self):
        server = self.serve()
        _, _, job = server.ask("POST", "/v1/jobs", {"kind": "video", "prompt": "a wave", "num_frames": 9, "width": 70})
        job = server.wait(job)
        self.assertEqual(job["status"], "succeeded", job)
        result = job["results"][0]
        self.assertEqual((result["content_type"], result["num_frames"], result["width"]), ("video/mp4", 9, 64))
        self.assertEqual(server.ask("GET", result["url"])[0], 200)

    def test_events_tell_the_whole_story(self):
        server = self.serve("--preview-interval", "0.05", step_ms=20)
        _, _, job = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 10})
        seen = list(server.events(job["events_url"]))
        names = [name for _, name, _ in seen]
        self.assertEqual(names[-1], "done")
        self.assertEqual(seen[-1][2]["status"], "succeeded")
        self.assertTrue({"queued", "started", "progress", "preview"} <= set(names), names)
        self.assertEqual([i for i, _, _ in seen], sorted({i for i, _, _ in seen}))
        progress = [data for _, name, data in seen if name == "progress"]
        self.assertEqual((progress[-1]["step"], progress[-1]["steps"], progress[-1]["stage"]), (10, 10, "denoise"))
        self.assertGreater(progress[-1]["fraction"], 0.5)
        preview = next(data for _, name, data in seen if name == "preview")
        self.assertTrue(preview["image"].startswith("data:image/jpeg;base64,"), preview)
        # Who comes later gets what counts, and who comes back gets what is new.
        self.assertEqual([name for _, name, _ in server.events(job["events_url"])][-1], "done")
        self.assertEqual(list(server.events(job["events_url"], last_id=seen[-1][0])), [])

    def test_a_preview_that_fails_ends_nothing(self):
        server = self.serve("--preview-interval", "0.05", step_ms=5, environment={"SWAN_FAKE_NO_PREVIEWS": "1"})
        job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 3})[2])
        self.assertEqual(job["status"], "succeeded", job)
        self.assertIn("preview_failed", server.log())

    def test_cancelling(self):
        server = self.serve(step_ms=50)
        _, _, running = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 100})
        _, _, waiting = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 99})
        server.wait(running, ("running",))
        self.assertEqual(server.ask("GET", f"/v1/jobs/{waiting['id']}")[2]["queue_position"], 1)
        self.assertEqual(server.ask("POST", f"/v1/jobs/{waiting['id']}/cancel")[2]["status"], "cancelled")
        began = time.monotonic()
        self.assertEqual(server.ask("POST", f"/v1/jobs/{running['id']}/cancel")[2]["status"], "cancelled")
        _, _, quick = server.ask("POST", "/v1/jobs", {"prompt": "y", "num_inference_steps": 1})
        self.assertEqual(server.wait(quick)["status"], "succeeded")
        self.assertLess(time.monotonic() - began, 2, "within a step")
        self.assertEqual([name for _, name, _ in server.events(running["events_url"])][-1], "cancelled")
        self.assertEqual(server.ask("DELETE", f"/v1/jobs/{quick['id']}")[2]["deleted"], True)
        self.assertEqual(server.ask("GET", f"/v1/jobs/{quick['id']}")[0], 404)
        self.assertEqual(server.ask("GET", f"/v1/results/{quick['id']}/0")[0], 404)

    def test_formats_that_this_machine_cannot_write(self):
        server = self.serve(environment={"SWAN_FAKE_NO_LIBAV": "1"})
        self.assertEqual(server.ask("GET", "/v1/capabilities")[2]["video_formats"], ["webp"])
        video = {"kind": "video", "prompt": "x"}
        status, _, answer = server.ask("POST", "/v1/jobs", {**video, "format": "mp4"})
        self.assertEqual((status, answer["error"]["param"]), (400, "format"))
        job = server.wait(server.ask("POST", "/v1/jobs", video)[2])
        self.assertEqual((job["status"], job["request"]["format"]), ("succeeded", "webp"))

    def test_alike_jobs_are_computed_together(self):
        server = self.serve("--max-batch", 4, step_ms=20)
        blocker = server.ask("POST", "/v1/jobs", {"prompt": "first", "num_inference_steps": 20})[2]
        server.wait(blocker, ("running",))
        jobs = [server.ask("POST", "/v1/jobs", {"prompt": f"p{i}", "seed": 10 * i, "num_inference_steps": 5})[2]
                for i in range(4)]
        bad = server.ask("POST", "/v1/jobs", {"prompt": "fail: argument", "num_inference_steps": 6})[2]
        good = server.ask("POST", "/v1/jobs", {"prompt": "good", "num_inference_steps": 6})[2]
        done = [server.wait(job) for job in jobs]
        started = next(data for _, name, data in server.events(jobs[0]["events_url"]) if name == "started")
        self.assertEqual(started["batch"], 4)
        for i, job in enumerate(done):
            parameters = job["results"][0]["parameters"]
            self.assertEqual((parameters["prompt"], parameters["seeds"]), ([f"p{i}"], [10 * i]))
        # One that cannot be met does not take the others of its batch along.
        self.assertEqual(server.wait(bad)["error"]["message"], "this cannot be met")
        self.assertEqual(server.wait(good)["status"], "succeeded")

    def test_failures_do_not_tell_of_this_machine(self):
        server = self.serve()
        job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "fail: io"})[2])
        self.assertEqual(job["status"], "failed")
        self.assertNotIn("secret", json.dumps(job))
        self.assertIn("/secret/path", server.log())
        server.stop()
        server = self.serve(environment={"SWAN_FAKE_WRITER_FAILS": "1"})
        job = server.wait(server.ask("POST", "/v1/jobs", {"kind": "video", "prompt": "x"})[2])
        self.assertEqual(job["error"]["message"], "cannot write '0.mp4': no encoder")
        self.assertIn(str(self.folder), server.log())

    def test_a_full_queue_says_when_to_come_back(self):
        server = self.serve("--max-queue", 3, "--max-queue-per-client", 2, step_ms=50)
        answers = [server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 100, "width": 64 + i})
                   for i in range(5)]
        refused = [(status, headers) for status, headers, _ in answers if status == 429]
        self.assertTrue(refused, answers)
        self.assertGreaterEqual(int(refused[0][1]["Retry-After"]), 1)
        self.assertEqual(answers[-1][2]["error"]["type"], "rate_limit_error")
        # Not at once, where the one that is computed has some seconds left.
        running = answers[0][2]
        while ((server.wait(running, ("running",))["progress"]) or {"step": 0})["step"] < 20:
            time.sleep(0.01)
        status = 202
        while status == 202:
            status, headers, _ = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 100})
        self.assertEqual(status, 429)
        self.assertGreater(int(headers["Retry-After"]), 1)

    def test_a_job_that_takes_too_long_is_ended(self):
        server = self.serve("--request-timeout", 1, step_ms=100)
        job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 100})[2])
        self.assertEqual((job["status"], job["error"]["code"]), ("failed", "timeout"))

    def test_lists(self):
        server = self.serve()
        ids = [server.ask("POST", "/v1/jobs", {"prompt": str(i)})[2]["id"] for i in range(5)]
        _, _, page = server.ask("GET", "/v1/jobs?limit=2")
        self.assertEqual([job["id"] for job in page["data"]], ids[:2:-1])
        self.assertTrue(page["has_more"])
        _, _, page = server.ask("GET", f"/v1/jobs?limit=100&after={page['last_id']}")
        self.assertEqual([job["id"] for job in page["data"]], ids[2::-1])
        self.assertEqual(server.ask("GET", "/v1/jobs?kind=video")[2]["data"], [])
        self.assertEqual(server.ask("GET", "/v1/jobs?limit=x")[0], 400)

    def test_lists_of_long_prompts_come_in_small_pages(self):
        server = self.serve()
        ids = [server.ask("POST", "/v1/jobs", {"prompt": "\U0001f9a2" * 10000, "n": 8, "num_inference_steps": i + 1})[2]["id"]
               for i in range(7)]
        connection, found, after = server.connection(), [], ""
        while not found or page["has_more"]:
            connection.request("GET", f"/v1/jobs?limit=100{after}")
            data = connection.getresponse().read()
            self.assertLess(len(data), 1.5 * 2**20)
            page = json.loads(data)
            found += [job["id"] for job in page["data"]]
            after = "&after=" + page["last_id"]
        connection.close()
        self.assertEqual(found, ids[::-1])


class Requests(ServerTest):
    def test_what_is_wrong_is_named(self):
        server = self.serve("--max-steps", 30, "--max-width", 512)
        for body, status, parameter in [
                ({}, 400, "prompt"), ({"prompt": 5}, 400, "prompt"), ({"prompt": "x", "n": 0}, 400, "n"),
                ({"prompt": "x", "num_inference_steps": 31}, 400, "num_inference_steps"),
                ({"prompt": "x", "width": 513}, 400, "width"), ({"prompt": "x", "width": 100.5}, 400, "width"),
                ({"prompt": "x", "sampler": "y"}, 400, "sampler"), ({"prompt": "x", "seed": -1}, 400, "seed"),
                ({"prompt": "x", "scheduler": "zzz"}, 400, "scheduler"), ({"prompt": "x", "format": "mp4"}, 400, "format"),
                ({"prompt": "x", "model": "/etc/passwd"}, 404, "model"), ({"prompt": "x", "model": ""}, 404, "model"), ({"prompt": "x", "num_frames": 5}, 400, "num_frames"),
                ({"prompt": "x", "loras": [{"name": "../x"}]}, 400, "name"), ({"prompt": "x" * 10001}, 400, "prompt")]:
            found, headers, answer = server.ask("POST", "/v1/jobs", body)
            self.assertEqual((found, answer["error"]["param"]), (status, parameter), answer)
            self.assertTrue(answer["error"]["message"])
            self.assertTrue(headers["X-Request-Id"])
        for path in ("/v1/jobs?limt=5", "/v1/videos?kind=video"):
            found, _, answer = server.ask("GET", path)
            self.assertEqual((found, answer["error"]["code"]), (400, "unknown_parameter"), answer)
        status, _, answer = server.ask("POST", "/v1/jobs", {"kind": "video", "prompt": "x", "width": 512, "height": 1024, "num_frames": 153})
        self.assertEqual((status, answer["error"]["param"]), (400, "num_frames"), answer)
        self.assertIn("80216064; this server makes videos of at most 80000000", answer["error"]["message"])
        for data, kind, status in [(b"{", "application/json", 400), (b'{"prompt": "\xff"}', "application/json", 400),
                                   (b"{}", "text/plain", 415), (b"[]", "application/json", 400),
                                   (b"[" * 100000, "application/json", 400),
                                   (b'{"prompt": "' + b"x" * (1 << 20) + b'"}', "application/json", 413)]:
            self.assertEqual(server.ask("POST", "/v1/jobs", data, {"Content-Type": kind})[0], status, data[:20])

    def test_paths_and_methods(self):
        server = self.serve()
        self.assertEqual(server.ask("GET", "/nothing")[0], 404)
        for path in ("/v1/jobs/..%2F..%2Fetc%2Fpasswd", "/v1/results/..%2F..%2Fjobs/0", "/page/..%2F..%2Fx", "/../etc/passwd"):
            self.assertEqual(server.ask("GET", path)[0], 404, path)
        status, headers, _ = server.ask("PUT", "/v1/jobs")
        self.assertEqual(status, 405)
        self.assertEqual(set(headers["Allow"].split(", ")), {"GET", "HEAD", "POST", "OPTIONS"})
        self.assertEqual(server.ask("BREW", "/v1/jobs")[0], 405)
        status, headers, body = server.ask("HEAD", "/healthz")
        self.assertEqual((status, body), (200, b""))
        self.assertGreater(int(headers["Content-Length"]), 0)
        self.assertEqual(server.ask("GET", "/healthz", headers={"X-Request-Id": "mine-1"})[1]["X-Request-Id"], "mine-1")
        self.assertNotEqual(server.ask("GET", "/healthz", headers={"X-Request-Id": "a b"})[1]["X-Request-Id"], "a b")

    def test_health_and_metrics(self):
        server = self.serve()
        self.assertEqual(server.ask("GET", "/healthz")[2]["status"], "ok")
        self.assertEqual(server.ask("GET", "/readyz")[2]["status"], "ready")
        server.wait(server.ask("POST", "/v1/jobs", {"prompt": "x"})[2])
        text = server.ask("GET", "/metrics")[2].decode()
        self.assertIn('swan_jobs_total{kind="image",status="succeeded"} 1', text)
        self.assertIn('swan_http_requests_total{method="POST",route="/v1/jobs",status="202"} 1', text)
        self.assertIn("swan_results_jobs 1", text)
        document = server.ask("GET", "/openapi.json")[2]
        self.assertEqual(document["components"]["schemas"]["ImageJob"]["properties"]["model"]["enum"], ["embedded"])
        models = server.ask("GET", "/v1/models")[2]["data"]
        self.assertEqual([(m["id"], m["kind"]) for m in models], [("embedded", "image"), ("embedded video", "video")])
        self.assertEqual(server.ask("GET", "/v1/capabilities")[2]["limits"]["max_n"], 8)

    def test_the_document_knows_every_route(self):
        routes = set()
        for file in (SOURCE / "apps/server/routes").glob("*.cpp"):
            if file.name == "page.cpp":
                continue
            text = file.read_text(encoding="utf-8")
            routes |= {(method, path) for method, path in re.findall(r'router\.add\("([A-Z]+)", "([^"]+)"', text)}
            routes |= {("GET", path) for path in re.findall(r'Choices\{"([^"]+)"', text)}
        document = json.loads((SOURCE / "docs/openapi.json").read_text(encoding="utf-8"))
        described = {(method.upper(), path) for path, item in document["paths"].items() for method in item}
        self.assertGreater(len(routes), 25)
        self.assertEqual(described, routes)

    def test_the_log_is_json_without_secrets(self):
        server = self.serve(environment=KEYS)
        job = server.ask("POST", "/v1/jobs", {"prompt": "private words"}, {**ANNA, "X-Request-Id": "find-me"})[2]
        job = server.wait(job, headers=ANNA)
        server.ask("GET", job["results"][0]["url"])
        server.stop()
        lines = server.log_lines()
        self.assertEqual([line["status"] for line in lines if line.get("request_id") == "find-me" and "status" in line], [202])
        self.assertTrue({"listening", "job_queued", "job_finished", "stopping", "stopped"} <= {line["event"] for line in lines})
        for secret in ("private words", "anna-key", job["events_url"].split("token=")[1]):
            self.assertNotIn(secret, server.log())


class Access(ServerTest):
    def test_keys(self):
        server = self.serve(environment=KEYS)
        for path in ("/v1/jobs", "/v1/models", "/metrics", "/sdapi/v1/samplers"):
            self.assertEqual(server.ask("GET", path)[0], 401, path)
            self.assertEqual(server.ask("GET", path, headers={"Authorization": "Bearer wrong-key-0123456"})[0], 401, path)
            self.assertEqual(server.ask("GET", path, headers=ANNA)[0], 200, path)
        for path in ("/healthz", "/readyz", "/openapi.json"):
            self.assertEqual(server.ask("GET", path)[0], 200, path)
        job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "x"}, ANNA)[2], headers=ANNA)
        plain = f"/v1/results/{job['id']}/0"
        self.assertEqual(server.ask("GET", plain)[0], 401)
        self.assertEqual(server.ask("GET", plain, headers=ANNA)[0], 200)
        self.assertEqual(server.ask("GET", plain, headers=BEN)[0], 404, "another's")
        self.assertEqual(server.ask("GET", f"/v1/jobs/{job['id']}", headers=BEN)[0], 404)
        self.assertEqual(server.ask("POST", f"/v1/jobs/{job['id']}/cancel", headers=BEN)[0], 404)
        self.assertEqual(server.ask("GET", "/v1/jobs", headers=BEN)[2]["data"], [])
        # The token in a result's address stands for the key, there and nowhere else.
        self.assertEqual(server.ask("GET", job["results"][0]["url"])[0], 200)
        token = job["results"][0]["url"].split("?")[1]
        self.assertEqual([name for _, name, _ in server.events(job["events_url"])][-1], "done")
        for path in (f"/v1/jobs/{job['id']}", "/v1/jobs"):
            self.assertEqual(server.ask("GET", f"{path}?{token}")[0], 401, path)
        other = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "y"}, ANNA)[2], headers=ANNA)
        self.assertEqual(server.ask("GET", f"/v1/results/{other['id']}/0?{token}")[0], 401)
        # Nor does it let another client do more with the job than look at its results and events.
        self.assertEqual(server.ask("GET", job["results"][0]["url"], headers=BEN)[0], 200)
        for method, path in (("GET", ""), ("DELETE", ""), ("POST", "/cancel")):
            self.assertEqual(server.ask(method, f"/v1/jobs/{job['id']}{path}?{token}", headers=BEN)[0], 404, (method, path))
        self.assertEqual(server.ask("GET", job["results"][0]["url"])[0], 200)

    def test_a_page_of_expired_results_is_no_guesser(self):
        server = self.serve(environment=KEYS)
        job = server.wait(server.ask("POST", "/v1/jobs", {"prompt": "x"}, ANNA)[2], headers=ANNA)
        self.assertEqual(server.ask("DELETE", f"/v1/jobs/{job['id']}", headers=ANNA)[0], 200)
        for _ in range(25):
            self.assertEqual(server.ask("GET", job["results"][0]["url"])[0], 404)
            self.assertEqual(server.ask("GET", "/v1/jobs")[0], 401, "a key is missing, none is wrong")
        self.assertEqual(server.ask("GET", "/v1/jobs", headers=ANNA)[0], 200)

    def test_basic_is_for_sdapi(self):
        server = self.serve(environment=KEYS)
        basic = {"Authorization": "Basic " + base64.b64encode(b"whoever:anna-key-0123456789").decode()}
        self.assertEqual(server.ask("GET", "/sdapi/v1/options", headers=basic)[0], 200)
        self.assertEqual(server.ask("GET", "/v1/jobs", headers=basic)[0], 401)
        wrong = {"Authorization": "Basic " + base64.b64encode(b"anna:wrong-key-0123456789").decode()}
        self.assertEqual(server.ask("GET", "/sdapi/v1/options", headers=wrong)[0], 401)
        self.assertEqual(server.ask("GET", "/sdapi/v1/options", headers={"Authorization": "Basic "})[0], 401)

    def test_guessing_keys_is_slowed_down(self):
        server = self.serve(environment=KEYS)
        statuses = [server.ask("GET", "/v1/jobs", headers={"Authorization": f"Bearer {i:020}"})[0] for i in range(30)]
        self.assertEqual(statuses[0], 401)
        self.assertEqual(statuses[-1], 429)

    def test_rates(self):
        server = self.serve("--rate-limit", 4)
        answers = [server.ask("POST", "/v1/jobs", {"prompt": "x"}) for _ in range(4)]
        self.assertEqual([status for status, _, _ in answers], [202, 202, 429, 429])
        self.assertGreaterEqual(int(answers[-1][1]["Retry-After"]), 1)

    def test_other_names_and_other_sites_are_refused(self):
        server = self.serve("--allowed-host", "swan.example.org")
        for host in ("rebound.example.com", "localhost.example.com", "localhost@x", "[::1]x", "[::1", "127.0.0.1.example.com:80"):
            self.assertEqual(server.ask("GET", "/healthz", headers={"Host": host})[0], 403, host)
        for host in ("localhost:1", "127.0.0.1", "[::1]:7860", "Swan.Example.org:443"):
            self.assertEqual(server.ask("GET", "/healthz", headers={"Host": host})[0], 200, host)
        for origin in ("https://evil.example.com", "null"):
            self.assertEqual(server.ask("POST", "/v1/jobs", {"prompt": "x"}, {"Origin": origin})[0], 403)
        own = {"Origin": f"http://127.0.0.1:{server.port}"}
        self.assertEqual(server.ask("POST", "/v1/jobs", {"prompt": "x"}, own)[0], 202)
        _, headers, _ = server.ask("GET", "/v1/models", headers={"Origin": "https://evil.example.com"})
        self.assertIsNone(headers["Access-Control-Allow-Origin"])
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("default-src 'none'", headers["Content-Security-Policy"])

    def test_cors_where_it_is_asked_for(self):
        server = self.serve("--cors-origin", "https://app.example.org")
        origin = {"Origin": "https://app.example.org"}
        status, headers, _ = server.ask("OPTIONS", "/v1/jobs", headers={**origin, "Access-Control-Request-Method": "POST"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"]), (204, origin["Origin"]))
        self.assertIn("Authorization", headers["Access-Control-Allow-Headers"])
        asked = {**origin, "Access-Control-Request-Method": "POST"}
        for wanted, same in (("authorization,content-type,x-stainless-os", True), ("x; evil", False), ("x" * 2000, False)):
            _, headers, _ = server.ask("OPTIONS", "/v1/jobs", headers={**asked, "Access-Control-Request-Headers": wanted})
            self.assertEqual(headers["Access-Control-Allow-Headers"] == wanted, same, wanted)
        _, headers, _ = server.ask("OPTIONS", "/v1/jobs", headers={"Origin": "https://x.org", "Access-Control-Request-Headers": "x"})
        self.assertIsNone(headers["Access-Control-Allow-Headers"])
        self.assertEqual(server.ask("POST", "/v1/jobs", {"prompt": "x"}, origin)[0], 202)
        self.assertEqual(server.ask("POST", "/v1/jobs", {"prompt": "x"}, {"Origin": "https://x.org"})[0], 403)
        # A page may read why its body was refused, too.
        status, headers, _ = server.ask("POST", "/v1/jobs", {"prompt": "x" * 1_050_000}, {**origin, "X-Request-Id": "large"})
        self.assertEqual((status, headers["Access-Control-Allow-Origin"], headers["X-Request-Id"]),
                         (413, origin["Origin"], "large"))

    def test_it_does_not_open_itself_to_the_network(self):
        def run(*options, **environment):
            settings = {**os.environ, **environment}
            return subprocess.run([FAKE, "serve", "--data-dir", str(self.folder / "d"), *options], env=settings,
                                  capture_output=True, text=True, timeout=20, check=False)
        outcome = run("--host", "0.0.0.0")
        self.assertEqual(outcome.returncode, 2, outcome)
        self.assertIn("--api-key-file", outcome.stderr)
        outcome = run("--behind-proxy")
        self.assertEqual((outcome.returncode, "the proxy of --behind-proxy lets other machines in" in outcome.stderr), (2, True), outcome)
        keys = self.folder / "keys"
        keys.write_text("anna:0123456789abcdef\n")
        keys.chmod(0o644)
        outcome = run("--api-key-file", str(keys))
        self.assertEqual((outcome.returncode, "chmod 600" in outcome.stderr), (2, True), outcome)
        keys.write_text("anna:short\n")
        keys.chmod(0o600)
        outcome = run("--api-key-file", str(keys))
        self.assertEqual(outcome.returncode, 2, outcome)
        self.assertNotIn("short", outcome.stderr)


class OtherApis(ServerTest):
    def test_sdapi(self):
        server = self.serve("--lora", "style=style.safetensors", step_ms=5)
        status, _, answer = server.ask("POST", "/sdapi/v1/txt2img", {
            "prompt": "a cat", "negative_prompt": "dog", "steps": 3, "cfg_scale": 5, "width": 128, "height": 64, "seed": 5,
            "batch_size": 2, "n_iter": 2, "sampler_name": "Euler", "enable_hr": False, "styles": [], "unknown": 1})
        self.assertEqual(status, 200, answer)
        self.assertEqual(len(answer["images"]), 4)
        self.assertTrue(base64.b64decode(answer["images"][0]).startswith(b"128x64"))
        info = json.loads(answer["info"])
        self.assertEqual((info["all_seeds"], info["steps"]), ([5, 6, 7, 8], 3))
        for wanted in ({"enable_hr": True}, {"alwayson_scripts": {"controlnet": {}}}, {"batch_size": 3, "n_iter": 3},
                       {"prompt": "<lora:none:1>"}):
            self.assertEqual(server.ask("POST", "/sdapi/v1/txt2img", {"prompt": "x", **wanted})[0], 422, wanted)
        self.assertEqual([entry["name"] for entry in server.ask("GET", "/sdapi/v1/loras")[2]], ["style"])
        answer = server.ask("POST", "/sdapi/v1/txt2img", {"prompt": "a cat <lora:style:0.5>", "steps": 1})[2]
        made = json.loads(json.loads(answer["info"])["infotexts"][0])
        self.assertEqual((made["prompt"], made["loras"]), (["a cat"], [{"path": "style", "scale": 0.5}]))
        self.assertIn("sampler_name", server.ask("POST", "/sdapi/v1/txt2img", {"sampler_name": "zzz"})[2]["detail"])
        self.assertEqual(server.ask("GET", "/sdapi/v1/progress")[2]["progress"], 0)
        self.assertEqual([m["title"] for m in server.ask("GET", "/sdapi/v1/sd-models")[2]], ["embedded"])
        self.assertEqual(server.ask("GET", "/sdapi/v1/samplers")[2][1]["aliases"], ["Euler"])
        # Clients ask for these when they connect.
        for path, names in (("schedulers", ["automatic"]), ("upscalers", ["None"]), ("latent-upscale-modes", []), ("sd-vae", [])):
            status, _, answer = server.ask("GET", "/sdapi/v1/" + path)
            self.assertEqual((status, [entry["name"] for entry in answer]), (200, names), path)
        self.assertEqual(server.ask("POST", "/sdapi/v1/options", {"sd_model_checkpoint": "embedded"})[0], 200)
        self.assertEqual(server.ask("GET", "/sdapi/v1/options")[2], {"sd_model_checkpoint": "embedded"})

    def test_sdapi_progress_and_interrupt(self):
        server = self.serve("--preview-interval", "0.05", step_ms=50)
        self.assertEqual(server.ask("GET", "/sdapi/v1/progress")[2]["state"]["job_timestamp"], "0")
        answers = []
        asking = threading.Thread(target=lambda: answers.append(server.ask("POST", "/sdapi/v1/txt2img", {"steps": 100})))
        asking.start()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            _, _, progress = server.ask("GET", "/sdapi/v1/progress")
            if progress["state"]["sampling_step"] >= 2:
                break
            time.sleep(0.02)
        self.assertGreater(progress["progress"], 0)
        self.assertEqual(progress["state"]["sampling_steps"], 100)
        self.assertRegex(progress["state"]["job_timestamp"], r"^20\d{12}$")
        # The web page's, say: the same address, and none of that API's business.
        other = server.ask("POST", "/v1/jobs", {"prompt": "other", "num_inference_steps": 20, "width": 128})[2]
        self.assertEqual(server.ask("POST", "/sdapi/v1/interrupt")[0], 200)
        asking.join()
        self.assertEqual(answers[0][0], 409)
        server.wait(other, ("running",))
        progress = server.ask("GET", "/sdapi/v1/progress")[2]
        self.assertEqual((progress["progress"], progress["state"]["job_count"]), (0, 0))
        server.ask("POST", "/sdapi/v1/interrupt")
        self.assertEqual(server.wait(other)["status"], "succeeded")

    def test_a_client_that_hangs_up_ends_its_job(self):
        server = self.serve(step_ms=50)
        connection = server.connection()
        connection.request("POST", "/v1/images/generations", json.dumps({"prompt": "x", "num_inference_steps": 100}),
                           {"Content-Type": "application/json"})
        deadline = time.monotonic() + 20
        while not (jobs := server.ask("GET", "/v1/jobs")[2]["data"]) and time.monotonic() < deadline:
            time.sleep(0.01)
        connection.close()
        self.assertEqual(server.wait(jobs[0])["status"], "cancelled")


class Ends(ServerTest):
    def test_sigterm_lets_running_jobs_finish(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                server = self.serve(step_ms=100)
                _, _, running = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 10})
                server.wait(running, ("running",))
                _, _, waiting = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 9})
                stream = server.events(running["events_url"])
                server.process.send_signal(number)
                deadline = time.monotonic() + 5
                while server.ask("GET", "/readyz")[0] != 503 and time.monotonic() < deadline:
                    time.sleep(0.01)
                self.assertEqual(server.ask("POST", "/v1/jobs", {"prompt": "late"})[0], 503)
                self.assertEqual(server.ask("GET", f"/v1/jobs/{waiting['id']}")[2]["error"]["code"], "stopping")
                self.assertEqual([name for _, name, _ in stream][-1], "done")
                self.assertEqual(server.process.wait(timeout=20), 0)
                again = self.serve()
                self.assertEqual(again.ask("GET", f"/v1/jobs/{running['id']}")[2]["status"], "succeeded")
                again.stop()

    def test_draining_has_an_end(self):
        server = self.serve("--drain-timeout", 0, step_ms=100)
        _, _, running = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 100})
        server.wait(running, ("running",))
        began = time.monotonic()
        self.assertEqual(server.stop(), 0)
        self.assertLess(time.monotonic() - began, 5)

    def test_killed_and_started_again(self):
        server = self.serve(step_ms=5)
        done = [server.wait(server.ask("POST", "/v1/jobs", {"prompt": str(i), "num_inference_steps": 1})[2])
                for i in range(10)]
        # While others are on their way, some of them being written.
        for i in range(20):
            server.ask("POST", "/v1/jobs", {"prompt": "later", "num_inference_steps": 1, "width": 64 + i})
        finished = [job for job in server.ask("GET", "/v1/jobs?limit=100")[2]["data"] if job["status"] == "succeeded"]
        files = {job["id"]: server.ask("GET", job["results"][0]["url"])[2] for job in finished}
        server.stop(signal.SIGKILL)
        again = self.serve()
        self.assertGreaterEqual(len(files), len(done))
        for job, data in files.items():
            _, _, found = again.ask("GET", f"/v1/jobs/{job}")
            self.assertEqual(found["status"], "succeeded")
            self.assertEqual(again.ask("GET", found["results"][0]["url"])[2], data)
            self.assertEqual([name for _, name, _ in again.events(found["events_url"])], ["done"])
            # Who listened when the server was killed goes on where it was, and hears of the end.
            self.assertEqual([name for _, name, _ in again.events(found["events_url"], last_id=99)], ["done"])
        self.assertEqual(again.ask("DELETE", f"/v1/jobs/{done[0]['id']}")[0], 200)

    def test_a_folder_is_for_one_server(self):
        self.serve()
        with self.assertRaisesRegex(RuntimeError, "in use by another server"):
            self.serve()


if __name__ == "__main__":
    unittest.main()
