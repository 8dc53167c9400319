"""The page of `swan serve` in a real browser, on a stand-in for the server, which can be slow, refuse, and go away."""

import unittest

from page_case import ENTER, ESCAPE, LEFT, RIGHT, PageCase, chromium
from stand_in import Job

HOSTILE = "<img src=x onerror=\"window.harmed=1\"><script>window.harmed=1</script>&amp;"


class Work(PageCase):
    def test_a_picture_is_made(self):
        server = self.serve(step_seconds=0.05)
        self.open(server.url)
        self.generate("a red fox", num_inference_steps=12)
        source = chromium.until("return document.querySelector('.card[data-status=running] .preview')?.src")
        self.assertTrue(source.startswith("data:image/png;base64,"), source[:40])
        self.assertRegex(chromium.text(".card-state"), r"^Step \d+ of 12 · about \d+ s left$")
        self.assertGreater(chromium.run("return document.querySelector('.card progress').value"), 0)
        self.assertRegex(chromium.run("return document.title"), r"^\d+ % · Swan$")
        self.tiles(1)
        self.assertEqual(chromium.run("return document.title"), "Swan")
        said = chromium.run("return [...document.querySelectorAll('#announcer p')].map((p) => p.textContent)")
        self.assertIn("Started: a red fox", said)
        self.assertRegex(said[-1], r"^Done in \d.\d s: picture of a red fox$")
        self.assertLessEqual(len(said), 3, "not every step is announced")
        chromium.until("return document.querySelector('#gallery img').naturalWidth > 0")
        self.finish()

    def test_several_jobs_wait_for_each_other_and_can_be_cancelled(self):
        server = self.serve(step_seconds=0.05)
        self.open(server.url)
        for name, steps in (("one", 100), ("two", 2), ("three", 2), ("four", 2)):
            self.generate(name, num_inference_steps=steps)
        chromium.until_text("#stage", "Number 3 in the queue")
        self.assertEqual([self.cards("running"), self.cards("queued")], [1, 3])
        chromium.click(".card[data-status=queued] button[aria-label='Cancel: three']")
        chromium.until_text("#stage", "Number 2 in the queue")
        chromium.run("document.getElementById('prompt').focus()")
        chromium.keys(ESCAPE)  # the one that is being made
        chromium.until("return document.querySelectorAll('.card').length === 2")
        self.tiles(2)
        prompts = chromium.run("return [...document.querySelectorAll('#gallery .tile')].map((tile) => tile.ariaLabel)")
        self.assertEqual(prompts, ["Open picture: four", "Open picture: two"])
        self.assertEqual(sorted(job.status for job in server.jobs.values()), ["cancelled"] * 2 + ["succeeded"] * 2)
        self.finish()

    def test_use_these_brings_all_settings_back(self):
        server = self.serve()
        self.open(server.url)
        chromium.run("document.querySelector('details').open = true")
        chromium.run("document.querySelector('#loras input[type=checkbox]').click()")
        self.generate("a castle", negative_prompt="people", width=320, height=192, n=2, num_inference_steps=7,
                      guidance_scale=3.25, seed=41, scheduler="flow-euler", format="webp", quality=80, flow_shift=2.5, **{"lora-0-scale": 0.5})
        self.tiles(2)
        [first] = server.jobs.values()
        self.assertEqual(first.request["loras"], [{"name": "crayon", "scale": 0.5}])
        self.assertEqual((first.request["quality"], first.request["flow_shift"]), (80, 2.5))
        chromium.run("document.querySelector('#loras input[type=checkbox]').click()")
        self.generate("something else", negative_prompt="", width=256, height=256, n=1, num_inference_steps=3,
                      guidance_scale=9, seed=5, scheduler="", format="png", flow_shift="")
        self.tiles(3)
        self.assertNotIn("flow_shift", list(server.jobs.values())[-1].request)
        # The second picture of the first job: everything as it was, and its own seed.
        chromium.click("#gallery li:last-child .tile")
        chromium.until_shown("#viewer")
        self.assertEqual(chromium.text("#viewer-prompt"), "a castle")
        facts = chromium.text("#viewer-facts")
        for part in ("sana", "320 × 192", "42", "7", "3.25", "flow-euler", "people", "crayon, 0.5"):
            self.assertIn(part, facts)
        chromium.click("#viewer-use")
        chromium.until("return document.activeElement.id === 'prompt'")
        chromium.click("#generate")
        self.tiles(4)
        again = list(server.jobs.values())[-1].request
        self.assertEqual(again, {**first.request, "n": 1, "seed": 42})
        # And the whole job from its card, after another model.
        chromium.click("#kind-video")
        chromium.click(".card[data-status=succeeded] button[aria-label^='Use these']")
        self.assertEqual(chromium.value("model"), "sana")
        self.assertEqual(chromium.value("seed"), "42")
        self.finish()

    def test_seeds(self):
        server = self.serve()
        self.open(server.url)
        self.assertTrue(chromium.run("return document.getElementById('seed-last').disabled"))
        self.generate("a", num_inference_steps=1)
        self.tiles(1)
        seeds = lambda: [job.request["seed"] for job in server.jobs.values()]
        chromium.click("#seed-last")
        self.assertEqual(chromium.value("seed"), str(seeds()[0]))
        chromium.click("#generate")
        self.tiles(2)
        chromium.click("#seed-random")
        self.assertEqual(chromium.value("seed"), "")
        chromium.click("#generate")
        self.tiles(3)
        chromium.click(".card[data-status=succeeded] button[aria-label^='Make another one']")
        self.tiles(4)
        self.assertEqual(seeds()[0], seeds()[1])
        self.assertEqual(len(set(seeds())), 3)
        self.finish()

    def test_controls_follow_the_model(self):
        server = self.serve()
        self.open(server.url)
        chromium.put("negative_prompt", "blur")
        self.assertFalse(chromium.shown("#num_frames"))
        chromium.put("model", "sprint")
        self.assertTrue(chromium.run("return document.getElementById('negative_prompt').disabled"))
        self.assertIn("takes no negative prompt", chromium.text("#negative_prompt-hint"))
        self.assertEqual([chromium.value(name) for name in ("width", "num_inference_steps")], ["1024", "2"])
        self.generate("a", width=64, height=64)
        self.tiles(1)
        chromium.click("#kind-video")
        self.assertEqual([chromium.value(name) for name in ("model", "width", "height", "num_frames", "fps")],
                         ["wan", "832", "480", "81", "16"])
        self.assertFalse(chromium.shown("#n"))
        self.generate("b", num_frames=12, width=96, height=64, num_inference_steps=1)
        self.assertEqual(chromium.text("#num_frames-hint"), "9 frames, 0.6 s long")
        self.tiles(2)
        image, video = [job.request for job in server.jobs.values()]
        self.assertNotIn("negative_prompt", image)
        self.assertNotIn("num_frames", image)
        self.assertEqual((video["kind"], video["num_frames"], video["fps"], video["negative_prompt"]), ("video", 12, 16, "blur"))
        self.assertNotIn("n", video)
        # Each model keeps its own numbers, also over a reload; sizes are a click.
        chromium.click("#kind-image")
        self.assertEqual([chromium.value(name) for name in ("model", "width")], ["sprint", "64"])
        chromium.click("#sizes label:nth-child(2) input")
        self.assertEqual([chromium.value(name) for name in ("width", "height")], ["896", "1184"])
        chromium.click("#swap")
        chromium.open(server.url)
        self.assertEqual([chromium.value(name) for name in ("model", "width", "height", "prompt", "negative_prompt")],
                         ["sprint", "1184", "896", "b", "blur"])
        chromium.run("document.querySelector('details').open = true")
        chromium.click("#reset")
        self.assertEqual(chromium.value("width"), "1024")
        self.finish()

    def test_the_gallery_has_what_was_made_before(self):
        server = self.serve()
        self.open(server.url)
        for i in range(3):
            self.generate(f"number {i}", num_inference_steps=1, width=64, height=64)
            self.tiles(i + 1)
        chromium.open(server.url)
        self.tiles(3)
        chromium.click("#gallery li:nth-child(2) .tile")
        chromium.until_text("#viewer-place", "2 of 3")
        self.assertRegex(chromium.run("return document.getElementById('viewer-download').href"),
                         r"/v1/results/job_\w+/0\?token=t&download=1$")
        chromium.click("#viewer-seed")
        chromium.until_text("#viewer-note", "eed")
        chromium.keys(RIGHT)
        self.assertEqual(chromium.text("#viewer-prompt"), "number 0")
        self.assertTrue(chromium.run("return document.getElementById('viewer-next').disabled"))
        chromium.keys(LEFT, LEFT)
        self.assertEqual(chromium.text("#viewer-prompt"), "number 2")
        chromium.keys(RIGHT)
        chromium.click("#viewer-delete")
        self.assertEqual(len(server.jobs), 3, "the first press only asks")
        chromium.click("#viewer-delete")
        self.tiles(2)
        self.assertEqual([job.request["prompt"] for job in server.jobs.values()], ["number 0", "number 2"])
        self.assertEqual(chromium.text("#viewer-prompt"), "number 0", "on to the next")
        chromium.keys(ESCAPE)
        chromium.until("return !document.getElementById('viewer').open")
        chromium.until("return document.activeElement.className === 'tile'")
        self.finish()

    def test_a_reload_while_it_works_and_a_long_gallery(self):
        server = self.serve(step_seconds=0.05)
        for i in range(130):
            job = Job({"kind": "image", "model": "sana", "prompt": f"old {i}", "width": 32, "height": 32, "seed": 1,
                       "num_inference_steps": 1, "guidance_scale": 1, "format": "png"})
            job.status, job.created_at, job.started_at, job.finished_at = "succeeded", i + 1, i + 1, i + 2
            job.results = server.results(job)
            server.jobs[job.id] = job
        self.open(server.url)
        self.tiles(100)
        chromium.click("#more")
        self.tiles(130)
        chromium.until("return document.activeElement.ariaLabel === 'Open picture: old 29'")
        self.assertFalse(chromium.shown("#more"))
        self.generate("a slow one", num_inference_steps=30)
        chromium.until_shown(".card[data-status=running] .preview")
        chromium.open(server.url)
        chromium.until_shown(".card[data-status=running] .preview")
        chromium.until("return document.querySelector('#gallery .tile')?.ariaLabel === 'Open picture: a slow one'")
        chromium.until_text(".card[data-status=succeeded]", "Done in")
        self.finish()

    def test_text_stays_text(self):
        server = self.serve()
        server.preview = "https://example.org/pixel.png"  # not shown: it is none of ours
        self.open(server.url)
        self.generate(HOSTILE, negative_prompt=HOSTILE, num_inference_steps=2)
        self.tiles(1)
        self.assertEqual(chromium.text(".card-prompt"), HOSTILE)
        chromium.click("#gallery .tile")
        chromium.until_shown("#viewer")
        self.assertEqual(chromium.text("#viewer-prompt"), HOSTILE)
        self.assertIn(HOSTILE, chromium.text("#viewer-facts"))
        chromium.keys(ESCAPE)
        server.fail = {"message": HOSTILE, "type": "server_error", "param": None, "code": HOSTILE}
        server.result_url = "https://example.org/picture.png"
        self.generate(HOSTILE)
        chromium.until_text(".card[data-status=failed] .card-state", HOSTILE)
        server.fail = None
        server.refusals.append((400, {"message": HOSTILE, "code": "invalid_value", "param": "prompt"}, {}))
        chromium.click("#generate")
        chromium.until_text("#prompt-error", HOSTILE)
        chromium.put("num_inference_steps", 1)
        chromium.click("#generate")
        self.tiles(2)
        self.assertIsNone(chromium.run("return window.harmed ?? null"))
        self.assertEqual(chromium.run("return document.querySelectorAll('img[src=x], body script').length"), 0)
        self.assertEqual(chromium.run("return document.querySelector('#gallery img').getAttribute('src')"), "")
        self.expected_errors = ("400",)
        self.finish()


class Trouble(PageCase):
    def test_a_full_queue_says_when_to_try_again(self):
        self.expected_errors = ("429",)
        server = self.serve()
        self.open(server.url)
        server.refusals.append((429, {"message": "the queue is full; try again later", "code": "queue_full", "param": None},
                                {"Retry-After": "1"}))
        self.generate("a", num_inference_steps=1)
        chromium.until_text("#form-error", "The queue is full; try again later.")
        self.assertIn("In 1 s", chromium.text("#form-error"))
        self.assertIn("The queue is full", chromium.run("return document.getElementById('announcer').textContent"))
        chromium.until_text("#form-error", "try again.")
        chromium.click("#generate")
        self.tiles(1)
        self.assertFalse(chromium.shown("#form-error"))
        self.finish()

    def test_what_is_wrong_is_said_where_it_is(self):
        self.expected_errors = ("400",)
        server = self.serve()
        self.open(server.url)
        chromium.click("#generate")
        self.assertEqual((chromium.text("#prompt-error"), chromium.focus()), ("Say what to make.", "prompt"))
        chromium.put("prompt", "a")
        self.assertFalse(chromium.shown("#prompt-error"))
        for name, value, message in (("width", 9999, "A whole number from 32 to 2048."),
                                     ("num_inference_steps", 2.5, "A whole number from 1 to 100."),
                                     ("guidance_scale", -1, "A number from 0 to 100."), ("n", "", "A whole number from 1 to 8."),
                                     ("seed", 2**60, f"A whole number from 0 to {2**53 - 1}.")):
            before = chromium.value(name)
            chromium.put(name, value)
            chromium.click("#generate")
            self.assertEqual((chromium.text(f"#{name}-error"), chromium.focus()), (message, name))
            chromium.put(name, before)
        chromium.click("#kind-video")
        chromium.put("width", 2048)
        chromium.put("height", 2048)
        chromium.click("#generate")
        self.assertEqual((chromium.text("#num_frames-error"), chromium.focus()), ("At most 19 frames of this size.", "num_frames"))
        chromium.click("#kind-image")
        self.assertEqual(len(server.jobs), 0)
        server.refusals.append((400, {"message": "unknown scheduler", "code": "invalid_value", "param": "scheduler"}, {}))
        chromium.click("#generate")
        chromium.until_text("#scheduler-error", "Unknown scheduler.")
        self.assertEqual(chromium.focus(), "scheduler")
        server.fail = {"message": "out of memory; ask for a smaller size", "type": "server_error", "param": None, "code": "oom"}
        chromium.click("#generate")
        chromium.until_text(".card[data-status=failed]", "Out of memory; ask for a smaller size.")
        server.fail = None
        chromium.click(".card[data-status=failed] button")  # try again
        self.tiles(1)
        # A reload, as phones do by themselves, does not hide it.
        chromium.open(server.url)
        chromium.until_text(".card[data-status=failed]", "Out of memory; ask for a smaller size.")
        chromium.click(".card[data-status=failed] button:last-child")  # put away
        self.assertEqual(self.cards("failed"), 0)
        self.assertEqual(chromium.focus(), "stage-heading")
        chromium.open(server.url)
        self.tiles(1)
        self.assertEqual(self.cards("failed"), 0)
        self.finish()

    def test_a_key_is_asked_for(self):
        self.expected_errors = ("401",)
        server = self.serve(key="right-key")
        self.open(server.url)
        chromium.until_shown("#key-dialog")
        self.assertEqual(chromium.focus(), "key")
        chromium.keys("wrong-key", ENTER)
        chromium.until_text("#key-error", "does not know this key")
        chromium.keys(ESCAPE)
        chromium.until_text("#banner", "wants an API key")
        tried = len([path for _, path, _ in server.seen if path.startswith("/v1/")])
        chromium.click("#banner-action")
        chromium.until_shown("#key-dialog")
        self.assertEqual(tried, len([path for _, path, _ in server.seen if path.startswith("/v1/")]), "it does not go on trying")
        chromium.keys("right-key", ENTER)
        chromium.until("return !document.getElementById('generate').disabled")
        self.assertFalse(chromium.shown("#banner"))
        self.generate("a", num_inference_steps=2)
        self.tiles(1)
        streams = [headers for _, path, headers in server.seen if path.endswith("/events")]
        self.assertEqual({headers.get("Authorization") for headers in streams}, {"Bearer right-key"})
        everywhere = "return JSON.stringify([{...localStorage}, {...sessionStorage}]).includes('right-key')"
        self.assertFalse(chromium.run(everywhere), "it is not kept unless that is asked for")
        chromium.open(server.url)
        chromium.until_shown("#key-dialog")
        chromium.click("#key-keep")
        chromium.click("#key")
        chromium.keys("right-key", ENTER)
        self.tiles(1)
        self.assertEqual(chromium.run("return [{...localStorage}['swan.key'] ?? null, sessionStorage.getItem('swan.key')]"),
                         [None, "right-key"])
        chromium.open(server.url)
        self.tiles(1)
        self.assertFalse(chromium.shown("#key-dialog"))
        self.finish()

    def test_streams_that_break_are_taken_up_again(self):
        server = self.serve(step_seconds=0.06)
        server.cut_streams = 1
        self.open(server.url)
        self.generate("a", num_inference_steps=14)
        self.tiles(1)
        self.assertEqual(server.cut_streams, 0)
        again = [headers.get("Last-Event-ID") for _, path, headers in server.seen if path.endswith("/events")]
        self.assertIsNone(again[0])
        self.assertGreater(len(again), 1)
        self.assertTrue(all(int(number) > 0 for number in again[1:]), again)
        self.finish()

    def test_a_server_that_goes_away_and_comes_back(self):
        self.expected_errors = ("ERR_", "404")
        server = self.serve(step_seconds=0.1)
        self.open(server.url)
        self.generate("done before", num_inference_steps=1)
        self.tiles(1)
        self.generate("cut short", num_inference_steps=100)
        chromium.until_shown(".card[data-status=running] .preview")
        chromium.size(390, 700, phone=True)
        chromium.run("document.querySelector('#gallery .tile').scrollIntoView()")
        made = {job.id: job for job in server.jobs.values() if job.status == "succeeded"}
        server.close()
        chromium.until_text("#banner", "cannot be reached")
        # However far one has scrolled.
        place = chromium.run("const b = document.getElementById('banner').getBoundingClientRect(); return [b.top, b.bottom]")
        self.assertTrue(0 <= place[0] < place[1] <= 350, place)
        chromium.usual()
        chromium.click("#generate")
        chromium.until_text("#form-error", "The server cannot be reached.")
        self.assertEqual(chromium.value("prompt"), "cut short")
        back = self.serve(port=server.http.server_port)
        back.jobs.update(made)
        back.models = [model for model in back.models if model["kind"] == "image"]
        chromium.until("return document.getElementById('banner').hidden")
        chromium.until_text(".card[data-status=failed]", "restarted before the job was done")
        self.tiles(1)
        chromium.until("return !document.getElementById('kinds').checkVisibility()")  # it has no videos any more
        self.assertEqual(chromium.value("prompt"), "cut short")
        chromium.click(".card[data-status=failed] button")
        self.tiles(2)
        self.finish()


if __name__ == "__main__":
    unittest.main()
