"""Many clients at once, on the fake engine: no job is lost, memory stays flat. SWAN_TEST_LONG=1 for 60 seconds."""

import concurrent.futures
import http.client
import json
import threading
import time
import unittest

from served import LONG, ServerTest

CLIENTS = 64
SECONDS = 60 if LONG else 3


class Load(ServerTest):
    def client(self, server, number, end):
        """Queues pictures, reads their results, and counts; a busy server is asked again."""
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        self.addCleanup(connection.close)
        made, busy, lost = 0, 0, []

        def ask(method, path, body=None):
            connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
            answer = connection.getresponse()
            return answer.status, answer.read()

        while time.monotonic() < end:
            status, data = ask("POST", "/v1/jobs", json.dumps({"prompt": f"client {number}", "num_inference_steps": 2}))
            if status == 429:
                busy += 1
                time.sleep(0.05)
                continue
            job = json.loads(data)
            if status != 202:
                lost.append((status, job))
                continue
            while job.get("status") in ("queued", "running"):
                time.sleep(0.01)
                status, data = ask("GET", "/v1/jobs/" + job["id"])
                job = json.loads(data)
            if job.get("status") != "succeeded":
                lost.append((status, job))
                continue
            status, data = ask("GET", job["results"][0]["url"])
            if status != 200 or f"client {number}".encode() not in data:
                lost.append((status, data))
            if made % 10 == 5:  # some clean up themselves
                status, _ = ask("DELETE", "/v1/jobs/" + job["id"])
                if status != 200:
                    lost.append(status)
            made += 1
        connection.close()
        return made, busy, lost

    def test_no_job_is_lost_and_memory_is_flat(self):
        # A store that is full throughout, so that what is kept in memory does not grow with the time.
        server = self.serve("--max-queue", 48, "--result-size", "1MiB", "--log-level", "warning", step_ms=1)
        begin = time.monotonic()
        end = begin + SECONDS
        samples = []
        with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
            clients = [pool.submit(self.client, server, number, end) for number in range(CLIENTS)]
            while time.monotonic() < end:
                time.sleep(0.2)
                samples.append(server.memory())
            results = [client.result() for client in clients]
        made = sum(result[0] for result in results)
        lost = [failure for result in results for failure in result[2]]
        print(f"{made} jobs of {CLIENTS} clients in {SECONDS} s, {sum(r[1] for r in results)} times busy; "
              f"memory {samples[len(samples) // 3] / 2**20:.1f} MiB after a third, {samples[-1] / 2**20:.1f} at the end")
        self.assertEqual(lost, [])
        self.assertGreater(made, 10 * SECONDS)
        self.assertTrue(all(result[0] > 0 for result in results), "a client got nothing")
        # From a third of the time on.
        self.assertLess(samples[-1] - samples[len(samples) // 3], 8 << 20)
        metrics = server.ask("GET", "/metrics")[2].decode()
        self.assertIn(f'swan_jobs_total{{kind="image",status="succeeded"}} {made}\n', metrics)
        self.assertNotIn('status="failed"', metrics)
        self.assertEqual(server.stop(), 0)

    def test_many_listeners_come_and_go(self):
        server = self.serve("--max-streams", 40, step_ms=200)
        job = server.ask("POST", "/v1/jobs", {"prompt": "x", "num_inference_steps": 100})[2]

        all_there = threading.Barrier(61, timeout=60)

        def listen(number):
            connection = server.connection()
            connection.request("GET", job["events_url"])
            answer = connection.getresponse()
            self.addCleanup(connection.close)
            if answer.status != 200 or number % 2:
                answer.read(100)  # and leaves
                connection.close()
                all_there.wait()
                return "left" if answer.status == 200 else answer.status
            all_there.wait()
            return "heard" if b"event: cancelled" in answer.read() else "cut"

        with concurrent.futures.ThreadPoolExecutor(60) as pool:
            listeners = [pool.submit(listen, number) for number in range(60)]
            all_there.wait()
            server.ask("POST", f"/v1/jobs/{job['id']}/cancel")
            seen = [listener.result() for listener in listeners]
        self.assertEqual(set(seen) - {"heard", "left", 503}, set())
        self.assertIn("heard", seen)
        self.assertIn(503, seen, "there are not places for all")


if __name__ == "__main__":
    unittest.main()
