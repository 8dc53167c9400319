"""The official openai client on `swan serve`, on the fake engine."""

import base64
import json
import unittest

from served import ServerTest

try:
    import openai
except ImportError:
    openai = None

KEYS = {"SWAN_API_KEYS": "anna:anna-key-0123456789"}


@unittest.skipIf(openai is None, "the openai package is not there; ./dev test installs it (tools/test-requirements.txt)")
class OpenAi(ServerTest):
    def client(self, server, key="anna-key-0123456789", **options):
        client = openai.OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0, **options)
        self.addCleanup(client.close)
        return client

    def test_pictures(self):
        server = self.serve(environment=KEYS)
        client = self.client(server)
        answer = client.images.generate(prompt="a red apple", n=2, size="128x64", extra_body={"seed": 7, "guidance_scale": 3})
        self.assertEqual(len(answer.data), 2)
        pictures = [base64.b64decode(image.b64_json) for image in answer.data]
        self.assertTrue(all(p.startswith(b"128x64") for p in pictures), pictures)
        settings = json.loads(pictures[1][pictures[1].index(b"{"):])
        self.assertEqual((settings["seed"], settings["prompt"]), (8, ["a red apple"]))
        answer = client.images.generate(prompt="x", model="embedded", response_format="url", output_format="webp",
                                        quality="high", background="opaque", moderation="low", user="someone")
        status, headers, data = server.ask("GET", answer.data[0].url.removeprefix(server.url))
        self.assertEqual((status, headers["Content-Type"]), (200, "image/webp"))
        self.assertTrue(data)

    def test_errors_are_those_of_the_client(self):
        server = self.serve(environment=KEYS)
        client = self.client(server)
        with self.assertRaises(openai.AuthenticationError):
            self.client(server, key="wrong-key-9876543210").images.generate(prompt="x")
        with self.assertRaises(openai.NotFoundError) as caught:
            client.images.generate(prompt="x", model="dall-e-3")
        self.assertEqual(caught.exception.code, "model_not_found")
        with self.assertRaises(openai.BadRequestError) as caught:
            client.images.generate(prompt="x", size="1x1")
        self.assertEqual(caught.exception.param, "size")
        with self.assertRaises(openai.BadRequestError):
            client.images.generate(prompt="fail: argument")
        with self.assertRaises(openai.InternalServerError):
            client.images.generate(prompt="fail: io")
        with self.assertRaises(openai.BadRequestError):
            client.images.generate(prompt="x", background="transparent")

    def test_too_many_requests(self):
        server = self.serve("--rate-limit", 2, environment=KEYS)
        client = self.client(server)
        client.images.generate(prompt="x")
        with self.assertRaises(openai.RateLimitError) as caught:
            client.images.generate(prompt="x")
        self.assertGreaterEqual(int(caught.exception.response.headers["retry-after"]), 1)

    def test_videos(self):
        server = self.serve(environment=KEYS)
        client = self.client(server)
        video = client.videos.create(prompt="a wave", seconds="1", size="64x48")
        self.assertIn(video.status, ("queued", "in_progress", "completed"))
        self.assertEqual(video.seconds, "1.0625", "17 frames of 16 a second")
        done = client.videos.poll(video.id, poll_interval_ms=20)
        self.assertEqual((done.status, done.progress, done.error), ("completed", 100, None))
        self.assertEqual(done.size, "64x48")
        content = client.videos.download_content(video.id).read()
        self.assertTrue(content.startswith(b"17 frames 64x48"), content)
        self.assertEqual([v.id for v in client.videos.list()], [video.id])
        self.assertTrue(client.videos.delete(video.id).deleted)
        with self.assertRaises(openai.NotFoundError):
            client.videos.retrieve(video.id)
        with self.assertRaises(openai.BadRequestError):
            client.videos.create(prompt="x", input_reference=("a.png", b"PNG", "image/png"))

    def test_models(self):
        server = self.serve(environment=KEYS)
        client = self.client(server)
        self.assertEqual([m.id for m in client.models.list()], ["embedded", "embedded video"])
        self.assertEqual(client.models.retrieve("embedded").owned_by, "swan")


if __name__ == "__main__":
    unittest.main()
