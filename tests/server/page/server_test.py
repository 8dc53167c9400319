"""The page in a real browser on the real `swan serve`: the embedded model, a tiny one for videos, a tiny Sprint."""

import shutil
import signal
import tempfile
import unittest
import urllib.request

from page_case import ENTER, PageCase, chromium
from served import PROGRAM, SOURCE, Server

GOLDEN = SOURCE / "tests" / "golden" / "models"


class RealServer(PageCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="swan_page_")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def start(self, *options, **settings):
        environment = {"SWAN_EMBED_CACHE": "off", "OMP_WAIT_POLICY": "passive", **settings.pop("environment", {})}
        server = Server(self.folder, *options, program=PROGRAM, environment=environment, **settings)
        self.addCleanup(server.stop, signal.SIGKILL)
        return server

    def test_pictures_videos_and_a_killed_server(self):
        self.expected_errors = ("ERR_", "404")
        options = ("--model", f"emoji={SOURCE / 'models' / 'swan-emoji-256'}", "--model", f"sprint={GOLDEN / 'sana_sprint'}",
                   "--model", f"wan={GOLDEN / 'wan'}", "--preview-interval", "0.05")
        server = self.start(*options)
        self.open(server.url)

        # A picture from a prompt. Its previews are pictures, and it is one itself.
        self.assertEqual([chromium.value(name) for name in ("model", "width", "height")], ["emoji", "256", "256"])
        chromium.click("#prompt")
        chromium.keys("three strawberries on a blue background")
        chromium.put("num_inference_steps", 4)
        chromium.put("seed", 7)
        # They may be gone before anybody has asked for them: on a quick machine, or one too busy to ask.
        chromium.run("""new MutationObserver(() => {
            const preview = document.querySelector('.card .preview');
            if (preview?.src) window.seenPreview = preview.src;
          }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ['src']})""")
        chromium.with_control(ENTER)
        preview = chromium.until("return window.seenPreview", seconds=60)
        self.assertTrue(preview.startswith("data:image/jpeg;base64,"))
        self.tiles(1, seconds=60)
        self.assertEqual(chromium.until("return document.querySelector('#gallery img').naturalWidth"), 256)
        self.assertIn("Done in", chromium.run("return document.getElementById('announcer').textContent"))
        chromium.click("#gallery .tile")
        for part in ("emoji", "256 × 256", "7", "png"):
            self.assertIn(part, chromium.text("#viewer-facts"))
        with urllib.request.urlopen(chromium.run("return document.getElementById('viewer-download').href")) as answer:
            self.assertIn("attachment", answer.headers["Content-Disposition"])
            self.assertEqual(answer.read(8), b"\x89PNG\r\n\x1a\n")
        chromium.click("#viewer-use")
        chromium.until("return document.activeElement.id === 'prompt'")
        self.assertEqual([chromium.value(name) for name in ("num_inference_steps", "seed")], ["4", "7"])

        # Sprint takes no negative prompt, and the page asks for none.
        chromium.put("negative_prompt", "blur")
        chromium.put("model", "sprint")
        self.assertTrue(chromium.run("return document.getElementById('negative_prompt').disabled"))
        self.generate("a", width=64, height=64, n=2, num_inference_steps=1)
        self.tiles(3, seconds=60)

        # A video plays by itself, silent, again and again.
        chromium.click("#kind-video")
        self.generate("a wave", width=64, height=48, num_frames=9, num_inference_steps=2, negative_prompt="")
        self.tiles(4, seconds=60)
        video = "const v = document.querySelector('#gallery video'); "
        chromium.run(video + "v.scrollIntoView()")
        chromium.until(video + "return v.currentTime > 0.2", seconds=20)
        self.assertEqual(chromium.run(video + "return [v.muted, v.loop, v.paused, v.videoWidth]"), [True, True, False, 64])

        # One that waits long is cancelled.
        chromium.click("#kind-image")
        chromium.put("model", "emoji")
        self.generate("a dog", num_inference_steps=100)
        chromium.until("return document.querySelector('.card[data-status=running] progress')?.value > 0", seconds=60)
        chromium.click(".card[data-status=running] button")
        chromium.until("return document.querySelector('.card[data-status=running]') === null")

        # Killed: what was made is there again, what was being made is not, and the page says so.
        self.generate("a cat")
        chromium.until_shown(".card[data-status=running]", seconds=60)
        server.stop(signal.SIGKILL)
        chromium.until_text("#banner", "cannot be reached")
        self.start(*options, port=server.port)
        chromium.until("return document.getElementById('banner').hidden", seconds=30)
        chromium.until_text(".card[data-status=failed]", "restarted before the job was done")
        self.tiles(4)
        chromium.click("#gallery li:last-child .tile")
        self.assertEqual(chromium.text("#viewer-prompt"), "three strawberries on a blue background")
        self.assertEqual(chromium.until("return document.querySelector('#viewer-media img').naturalWidth"), 256)
        chromium.click("#viewer-delete")
        chromium.click("#viewer-delete")
        self.tiles(3)
        self.finish()

    def test_files_are_sent_once(self):
        server = self.start("--model", f"sprint={GOLDEN / 'sana_sprint'}")
        for path, kind in (("/", "text/html"), ("/page/app.js", "text/javascript"), ("/page/style.css", "text/css"),
                           ("/page/favicon.svg", "image/svg+xml")):
            status, headers, body = server.ask("GET", path)
            self.assertEqual((status, headers.get_content_type(), len(body) > 0), (200, kind, True), path)
            self.assertIn("default-src 'none'", headers["Content-Security-Policy"])
            status, again, body = server.ask("GET", path, headers={"If-None-Match": headers["ETag"]})
            self.assertEqual((status, again["ETag"], body), (304, headers["ETag"], b""), path)
            self.assertEqual(server.ask("GET", path, headers={"If-None-Match": '"other"'})[0], 200, path)

    def test_keys_and_refusals(self):
        self.expected_errors = ("401", "429")
        key = "a-key-of-some-length"
        server = self.start("--model", f"sprint={GOLDEN / 'sana_sprint'}", "--rate-limit", "2",
                            environment={"SWAN_API_KEYS": f"me:{key}"})
        self.open(server.url)
        chromium.until_shown("#key-dialog")
        chromium.keys(key, ENTER)
        chromium.until("return !document.getElementById('generate').disabled")
        small = {"width": 64, "height": 64, "num_inference_steps": 1}
        self.generate("a", **small)
        self.tiles(1, seconds=60)
        # Pictures are asked for without the key; their addresses have tokens.
        self.assertEqual(chromium.until("return document.querySelector('#gallery img').naturalWidth"), 64)
        self.generate("a", **small)
        chromium.until_text("#form-error", "there may be room")
        self.finish()


if __name__ == "__main__":
    unittest.main()
