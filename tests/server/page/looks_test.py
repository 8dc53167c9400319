"""How the page of `swan serve` looks and sounds: contrast, names, phones, keyboard. In a real browser, on the stand-in."""

import unittest

from page_case import ENTER, ESCAPE, LEFT, RIGHT, TAB, PageCase, chromium


class Looks(PageCase):
    def full(self):
        """The page with everything on it: a running job, one that waits, one that failed, results, an error."""
        server = self.serve()
        self.open(server.url)
        self.generate("a small picture", n=3, num_inference_steps=1)
        self.tiles(3)
        server.fail = {"message": "out of memory", "type": "server_error", "param": None, "code": "oom"}
        self.generate("Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichen" * 3, n=1)
        chromium.until_shown(".card[data-status=failed]")
        server.fail, server.step_seconds = None, 0.3
        self.generate("a picture that takes its time", num_inference_steps=100)
        self.generate("one that waits")
        chromium.until_shown(".card[data-status=running] .preview")
        chromium.until_shown(".card[data-status=queued]")
        chromium.run("document.querySelector('details').open = true")
        chromium.put("width", 1)
        chromium.click("#generate")
        chromium.until_shown("#width-error")
        return server

    def tab(self):
        """Goes on to the next control, which is then to be seen: in the window, and not below something else."""
        chromium.keys(TAB)
        seen = chromium.run("""
            const e = document.activeElement, box = e.getBoundingClientRect();
            const target = e.matches('[type=radio]') ? e.closest('label') : e;
            const top = document.elementFromPoint(box.left + box.width / 2, box.top + Math.min(box.height / 2, 20));
            return e === document.body || target.contains(top);""")
        self.assertTrue(seen, f"the focus is out of sight at {chromium.focus()}")

    def check_contrast(self, theme):
        chromium.until("return document.documentElement.dataset.theme === arguments[0]", theme)
        found = self.looks("contrasts")
        self.assertGreater(len(found), 40)
        poor = [f"{f['what']} '{f['text']}': {f['ratio']:.2f} of {f['least']}" for f in found if f["ratio"] < f["least"]]
        self.assertEqual(poor, [], f"contrast in the {theme} theme")

    def test_both_themes_can_be_read(self):
        self.full()
        chromium.media(prefers_color_scheme="light", prefers_reduced_motion="reduce")
        self.check_contrast("light")
        chromium.media(prefers_color_scheme="dark", prefers_reduced_motion="reduce")
        self.check_contrast("dark")
        chromium.click("#gallery .tile")
        chromium.until_shown("#viewer")
        self.check_contrast("dark")
        chromium.keys(ESCAPE)
        chromium.until("return !document.getElementById('viewer').open")
        chromium.click("#theme")
        self.check_contrast("light")
        chromium.open(self.url)
        self.assertEqual(chromium.run("return document.documentElement.dataset.theme"), "light", "the choice is kept")
        chromium.click("#theme")  # dark, as the system: the choice is forgotten
        chromium.media(prefers_color_scheme="light")
        chromium.until("return document.documentElement.dataset.theme === 'light'")
        self.finish()

    def test_controls_have_names(self):
        self.full()
        controls = chromium.accessible()
        self.assertGreater(len(controls), 40)
        self.assertEqual([role for role, name in controls if not name], [], "controls without a name")
        roles = {role for role, _ in controls}
        for role in ("button", "slider", "spinbutton", "textbox", "combobox", "radio", "checkbox", "link"):
            self.assertIn(role, roles)
        # A result is in two places while it is the newest.
        names = [name for role, name in controls if role == "button" and not name.startswith("Open ")]
        self.assertEqual(len(names), len(set(names)), f"buttons that sound alike: {sorted(names)}")
        self.assertEqual(self.looks("faults"), [])
        chromium.click("#gallery .tile")
        chromium.until_shown("#viewer")
        inside = chromium.accessible()
        self.assertEqual([role for role, name in inside if not name], [])
        self.assertIn(("button", "Close"), inside)
        self.assertNotIn(("button", "Generate"), inside, "what is behind the dialog is out of reach")
        self.finish()

    def test_the_page_ends_where_its_content_does(self):
        self.open(self.serve().url)
        chromium.run("document.querySelector('details').open = true")
        for width in (1280, 390):
            chromium.size(width, 700, phone=width < 500)
            height, end = chromium.run("""return [document.documentElement.scrollHeight,
                Math.max(innerHeight, document.querySelector('main').getBoundingClientRect().bottom + scrollY)]""")
            self.assertLessEqual(height, end + 1, f"there is nothing to scroll to, {width} pixels wide")
        self.finish()

    def test_phones(self):
        self.full()
        for width in (320, 390):
            with self.subTest(width=width):
                chromium.size(width, 640, phone=True)
                self.assertEqual(self.looks("overflowing"), [])
                small = [t for t in self.looks("targets") if t["width"] < 43.5 or t["height"] < 43.5]
                self.assertEqual(small, [], "too small for a finger")
                chromium.run("scrollTo(0, 0)")
                chromium.click(".skip")
                chromium.until("return document.getElementById('results').getBoundingClientRect().top < 300")
                chromium.run("scrollTo(0, 0); document.getElementById('prompt').focus()")
                while chromium.focus() != "generate":
                    self.tab()
                chromium.run("document.querySelector('#gallery .tile').click()")
                chromium.until_shown("#viewer")
                self.assertEqual(self.looks("overflowing"), [])
                chromium.keys(ESCAPE)
                chromium.until("return !document.getElementById('viewer').open")
        self.finish()

    def test_the_keyboard_is_enough(self):
        server = self.serve()
        self.open(server.url)

        def tab_to(condition, most=60):
            for _ in range(most):
                self.tab()
                if chromium.run(f"const e = document.activeElement; return {condition}"):
                    return
            self.fail(f"not reached by the tab key: {condition}")

        tab_to("e.className === 'skip'", most=1)
        tab_to("e.id === 'theme'")
        tab_to("e.id === 'prompt'")
        chromium.keys("a lighthouse")
        tab_to("e.id === 'num_inference_steps-range'")
        chromium.keys(LEFT * 17)
        self.assertEqual(chromium.value("num_inference_steps"), "3")
        tab_to("e.id === 'generate'")
        chromium.keys(ENTER)
        self.tiles(1)
        chromium.with_control(ENTER)
        self.tiles(2)
        self.assertEqual([job.request["num_inference_steps"] for job in server.jobs.values()], [3, 3])
        tab_to("e.matches('#gallery .tile')")
        outline = chromium.run("const s = getComputedStyle(document.activeElement); return s.outlineStyle + parseFloat(s.outlineWidth)")
        self.assertEqual(outline, "solid3")
        chromium.keys(ENTER)
        chromium.until_text("#viewer-place", "1 of 2")
        chromium.keys(RIGHT)
        chromium.until_text("#viewer-place", "2 of 2")
        # Screen readers hear of it: not from behind the dialog, and not of what was said before again.
        said = chromium.run("""return [...document.querySelectorAll('#viewer [role=status] p')].map((p) =>
            [p.textContent, p.parentElement.getAttribute('aria-atomic')])""")
        self.assertEqual(said, [["2 of 2: a lighthouse", "false"]])
        chromium.keys(ESCAPE)
        chromium.until("return !document.getElementById('viewer').open")
        chromium.until("return document.activeElement === document.querySelectorAll('#gallery .tile')[1]")
        self.finish()

    def test_things_keep_still_where_that_is_wanted(self):
        server = self.serve(step_seconds=0.3)
        self.open(server.url)
        chromium.media(prefers_reduced_motion="reduce")
        self.generate("a", num_inference_steps=30)
        chromium.until_shown(".card[data-status=running]")
        self.assertEqual(chromium.run("return document.getAnimations().length"), 0)
        self.finish()


if __name__ == "__main__":
    unittest.main()
