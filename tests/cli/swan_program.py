"""What the tests of the program share: running it, and reading what it wrote. Standard library only."""

import json
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import unittest
import zlib

PROGRAM = os.environ["SWAN_PROGRAM"]
SOURCE = pathlib.Path(__file__).resolve().parents[2]
MODEL = SOURCE / "models" / "swan-emoji-256"
# A build folder outside the tree is not beside the embedded model.
if SOURCE not in pathlib.Path(PROGRAM).resolve().parents:
    os.environ.setdefault("SWAN_MODELS", str(SOURCE / "models"))
# A tiny random repository of Wan's kind: what it shows is noise, but everything about it is as of a large one.
WAN = SOURCE / "tests" / "golden" / "models" / "wan"
# A name like org/model is one of a hub's; tests/hub has one of its own.
os.environ["HF_HUB_OFFLINE"] = "1"
# What a prompt met before is worth has tests of its own; the others are not to depend on the user's cache.
os.environ["SWAN_EMBED_CACHE"] = "off"
# The fewest steps that the solver's second order uses, and a seed, so that runs can be compared.
QUICK = ["--steps", "2", "--seed", "7"]
# The same for videos: the least that has every stage.
FILM = ["--model", str(WAN), "--width", "64", "--height", "48", "--num-frames", "9", *QUICK]


def film(*arguments):
    """FILM with these arguments, which replace its own."""
    kept = [part for i in range(0, len(FILM), 2) if FILM[i] not in arguments for part in FILM[i:i + 2]]
    return [*kept, *arguments]



# Mounts a small file system that goes away with the namespace, runs the program, and lists what is left in it.
IN_A_READ_ONLY_FOLDER = """
mount --bind "$1" "$1" 2>/dev/null && mount -o remount,bind,ro "$1" 2>/dev/null || exit 77
shift
exec "$@"
"""

ON_A_SMALL_DISK = """
mount -t tmpfs -o size="$2" none "$1" 2>/dev/null || exit 77
cd "$1" && printf 'the file of yesterday' > "$3" && shift 3
"$@"
code=$?
for file in $(ls -A); do echo "left: $file $(wc -c < $file)"; done
exit $code
"""


def default_signals():
    """A parent that runs us in the background may ignore Ctrl-C, which the program would inherit."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Outcome:
    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    def __str__(self):
        return f"exit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class ProgramTest(unittest.TestCase):
    """Each test gets an empty folder, self.folder, in which the program runs."""

    longMessage = True

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="swan_cli_")
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def swan(self, *arguments, expect=0, timeout=240, program=PROGRAM, **kwargs):
        """Runs the program and checks its exit code."""
        settings = {"cwd": self.folder, "stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE,
                    "stderr": subprocess.PIPE, **kwargs}
        done = subprocess.run([program, *map(os.fsencode, map(str, arguments))], preexec_fn=default_signals,
                              timeout=timeout, check=False, **settings)
        outcome = Outcome(done.returncode, (done.stdout or b"").decode(), (done.stderr or b"").decode())
        self.assertEqual(outcome.code, expect, outcome)
        return outcome

    def start(self, *arguments, program_ignores=None):
        """Starts the program, for tests that do something while it runs; it may inherit an ignored signal."""
        def set_signals():
            default_signals()
            if program_ignores is not None:
                signal.signal(program_ignores, signal.SIG_IGN)

        process = subprocess.Popen([PROGRAM, *map(str, arguments)], cwd=self.folder, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=set_signals, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for(self, process, beginning):
        """Reads standard error up to a line with this beginning."""
        seen = ""
        for line in process.stderr:
            seen += line
            if line.startswith(beginning):
                return
        self.fail(f"the program ended before {beginning!r}: {seen}")

    def on_a_small_disk(self, *arguments, old, size="8k"):
        """Runs the program in a file system of this size that holds an old file of 21 bytes. Standard output ends with
        a line for each file that is left."""
        (self.folder / "disk").mkdir(exist_ok=True)
        return self.among_mounts(ON_A_SMALL_DISK, self.folder / "disk", size, old, PROGRAM, *arguments)

    def in_a_read_only_folder(self, folder, *arguments):
        """Runs the program where nothing below this folder can be written, not even by root."""
        return self.among_mounts(IN_A_READ_ONLY_FOLDER, folder, PROGRAM, *arguments)

    def among_mounts(self, script, *arguments):
        """Runs a script of sh that may mount what nobody else sees; with 77 it says that it cannot."""
        if shutil.which("unshare") is None:
            self.skipTest("unshare is not installed")
        command = ["unshare", "--mount", *(["--map-root-user"] if os.geteuid() != 0 else []), "sh", "-c", script, "sh",
                   *map(str, arguments)]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=240, check=False,
                              preexec_fn=default_signals)
        if done.returncode == 77 or "unshare" in done.stderr:
            self.skipTest(f"no file system can be mounted here: {done.stderr.strip()}")
        return done

    def json_line(self, outcome):
        """The report of --json, which is the one line on standard output."""
        self.assertTrue(outcome.out.endswith("\n"), outcome)
        self.assertEqual(outcome.out.count("\n"), 1, outcome)
        return json.loads(outcome.out)

    def files(self, folder=None):
        return sorted(path.name for path in (folder or self.folder).iterdir())

    def assertOneMessage(self, outcome, *parts):
        """Standard error names every part in a line that begins with the program's name."""
        lines = [line for line in outcome.err.splitlines() if line.startswith("swan: ")]
        self.assertTrue(lines, outcome)
        for part in parts:
            self.assertTrue(any(part in line for line in lines), f"no message holds {part!r}: {outcome}")


def png_chunks(data):
    """(type, content) of every chunk; a wrong checksum is an error."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG")
    at = 8
    while at < len(data):
        length, kind = struct.unpack(">I4s", data[at:at + 8])
        content = data[at + 8:at + 8 + length]
        (checksum,) = struct.unpack(">I", data[at + 8 + length:at + 12 + length])
        if zlib.crc32(kind + content) != checksum:
            raise ValueError(f"wrong checksum of {kind!r}")
        yield kind, content
        at += 12 + length


def read_png(path):
    """(width, height, bytes) of an 8-bit RGB picture."""
    chunks = list(png_chunks(pathlib.Path(path).read_bytes()))
    if chunks[-1][0] != b"IEND":
        raise ValueError("the file is cut short")
    width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if (depth, colour, interlace) != (8, 2, 0):
        raise ValueError(f"not plain 8-bit RGB: {(depth, colour, interlace)}")
    raw = zlib.decompress(b"".join(content for kind, content in chunks if kind == b"IDAT"))
    stride = width * 3
    above = bytearray(stride)
    pixels = bytearray()
    for y in range(height):
        method = raw[y * (stride + 1)]
        line = bytearray(raw[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            left = line[x - 3] if x >= 3 else 0
            up = above[x]
            corner = above[x - 3] if x >= 3 else 0
            if method == 1:
                line[x] = (line[x] + left) & 255
            elif method == 2:
                line[x] = (line[x] + up) & 255
            elif method == 3:
                line[x] = (line[x] + (left + up) // 2) & 255
            elif method == 4:
                estimate = left + up - corner
                distances = abs(estimate - left), abs(estimate - up), abs(estimate - corner)
                line[x] = (line[x] + (left, up, corner)[distances.index(min(distances))]) & 255
        pixels += line
        above = line
    return width, height, bytes(pixels)


def png_settings(path):
    """The "swan" text of a picture, as a dictionary."""
    for kind, content in png_chunks(pathlib.Path(path).read_bytes()):
        if kind == b"iTXt" and content.startswith(b"swan\0"):
            compressed = content[5]
            text = content[7:].split(b"\0", 2)[2]
            return json.loads(zlib.decompress(text) if compressed else text)
        if kind == b"tEXt" and content.startswith(b"swan\0"):
            return json.loads(content[5:])
    return None


def write_safetensors(path, tensors):
    """Writes {name: (dtype, shape, bytes)}."""
    header, at, body = {}, 0, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + body)


def read_safetensors(path):
    """{name: (dtype, shape, bytes)}"""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length:]
    return {name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
            for name, entry in header.items()}
