"""schemathesis: requests made of the OpenAPI document, and answers held against it. On the fake engine.

SWAN_TEST_LONG=1 for hundreds of requests an operation instead of a few."""

import importlib.util
import os
import pathlib
import subprocess
import sys
import unittest

from served import LONG, ServerTest


@unittest.skipIf(importlib.util.find_spec("schemathesis") is None,
                 "schemathesis is not there; ./dev test installs it (tools/test-requirements.txt)")
class Schema(ServerTest):
    def test_finds_nothing(self):
        # Of videos' sides and frames each has its own bound in the document; their product's is not to matter.
        server = self.serve("--max-queue", 10000, "--max-queue-per-client", 10000, "--max-video-pixels", 10**9)
        # Besides its own list: a target that is too long is refused, too.
        (self.folder / "schemathesis.toml").write_text(
            "[checks.negative_data_rejection]\n"
            "expected-statuses = [400, 401, 403, 404, 405, 406, 409, 414, 415, 422, 428, 429]\n"
            # batch_size times n_iter is bounded, which a schema cannot say.
            "[[operations]]\ninclude-path = '/sdapi/v1/txt2img'\n"
            "[operations.checks.positive_data_acceptance]\n"
            "expected-statuses = ['2xx', 401, 403, 404, 409, 422, '5xx']\n"
            # Nor whether a range is within its file.
            "[[operations]]\ninclude-path = '/v1/results/{job_id}/{index}'\n"
            "[operations.checks.positive_data_acceptance]\n"
            "expected-statuses = ['2xx', '3xx', 401, 403, 404, 409, 416, '5xx']\n")
        program = pathlib.Path(sys.executable).with_name("schemathesis")
        command = [program, "run", server.url + "/openapi.json", "--max-examples", "400" if LONG else "6", "--seed", "1",
                   "--no-color", "--request-timeout", "20", "--suppress-health-check", "all",
                   "--phases", "examples,coverage,fuzzing,stateful" if LONG else "examples,fuzzing"]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False,
                              cwd=self.folder, env={**os.environ, "PYTHONWARNINGS": "ignore"}, timeout=3000)
        self.assertEqual(done.returncode, 0, done.stdout[-30000:] + done.stderr[-2000:])
        self.assertIsNone(server.process.poll(), "the server is there still")
        print(done.stdout[-1500:])


if __name__ == "__main__":
    unittest.main()
