"""What the tests of the hub share: a hub on loopback, an empty cache, and the program run on both."""

import contextlib
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))

from fake_hub import TOKEN, FakeHub, Repo  # noqa: E402
from swan_program import SOURCE, ProgramTest  # noqa: E402

__all__ = ["TOKEN", "FakeHub", "HubTest", "Repo", "TINY", "big", "files_of", "pipeline"]

TINY = SOURCE / "tests" / "golden" / "models" / "sana"


def files_of(folder):
    """{path: bytes} of all files below a folder."""
    paths = [pathlib.Path(above) / name for above, _, names in os.walk(folder, followlinks=True) for name in names]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def big(mebibytes, seed=0):
    """Bytes without a pattern, so that a piece in a wrong place shows."""
    return random.Random(seed).randbytes(int(mebibytes * (1 << 20)))


def pipeline(**more):
    """A small repository in diffusers' layout, whose weights need not be any."""
    index = (b'{"_class_name": "SanaPipeline", "transformer": ["diffusers", "SanaTransformer2DModel"],'
             b' "text_encoder": ["transformers", "Gemma2Model"], "tokenizer": ["transformers", "GemmaTokenizer"],'
             b' "scheduler": ["diffusers", "DPMSolverMultistepScheduler"], "safety_checker": [null, null],'
             b' "feature_extractor": ["transformers", "CLIPFeatureExtractor"]}')
    return {
        ".gitattributes": b"*.safetensors filter=lfs\n",
        "README.md": b"# A model\n", "LICENSE.txt": b"free\n", "demo.png": b"picture",
        "model_index.json": index,
        "transformer/config.json": b"{}", "transformer/diffusion_pytorch_model.safetensors": b"weights" * 1000,
        "transformer/diffusion_pytorch_model.fp16.safetensors": b"half" * 1000,
        "transformer/diffusion_pytorch_model.bin": b"pickled" * 1000,
        "text_encoder/config.json": b"{}",
        "text_encoder/model.safetensors.index.json":
            b'{"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}',
        "text_encoder/model-00001-of-00002.safetensors": b"one" * 500,
        "text_encoder/model-00002-of-00002.safetensors": b"two" * 500,
        "text_encoder/pytorch_model.bin": b"pickled",
        "tokenizer/tokenizer.json": b"{}", "tokenizer/tokenizer_config.json": b"{}",
        "scheduler/scheduler_config.json": b"{}",
        "feature_extractor/preprocessor_config.json": b"{}",
        "onnx/model.onnx": b"other",
        **{name.replace("__", "/"): data for name, data in more.items()},
    }


# What of pipeline() is needed.
NEEDED = {
    "README.md", "LICENSE.txt", "model_index.json", "transformer/config.json",
    "transformer/diffusion_pytorch_model.safetensors", "text_encoder/config.json",
    "text_encoder/model.safetensors.index.json", "text_encoder/model-00001-of-00002.safetensors",
    "text_encoder/model-00002-of-00002.safetensors", "tokenizer/tokenizer.json", "tokenizer/tokenizer_config.json",
    "scheduler/scheduler_config.json"}


class HubTest(ProgramTest):
    """self.hub, and an environment in which the program asks it and nothing else."""

    hub_options = {}

    def setUp(self):
        super().setUp()
        self.hub = self.enterContext(FakeHub(**self.hub_options)) if hasattr(self, "enterContext") else None
        if self.hub is None:  # Python before 3.11
            stack = contextlib.ExitStack()
            self.hub = stack.enter_context(FakeHub(**self.hub_options))
            self.addCleanup(stack.close)
        self.home = self.folder / "home"
        self.home.mkdir()
        self.cache = self.home / "hub"

    def environment(self, **more):
        kept = {name: value for name, value in os.environ.items()
                if not name.upper().endswith(("_PROXY", "_CA_BUNDLE")) and name != "SSL_CERT_FILE"
                and not name.startswith(("HF_", "HUGGING", "XDG_"))}
        return {**kept, "HOME": str(self.home), "HF_HOME": str(self.home), "HF_ENDPOINT": self.hub.endpoint,
                "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1",
                "SWAN_HUB_RETRY_MS": "10", **more}

    @contextlib.contextmanager
    def as_environment(self, **more):
        """For what takes the environment of this process."""
        before = dict(os.environ)
        os.environ.clear()
        os.environ.update(self.environment(**more))
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def start_pull(self, *arguments):
        """Starts the program, for tests that do something while it runs."""
        with self.as_environment():
            return self.start("pull", *arguments)

    def hub_swan(self, *arguments, env=None, **kwargs):
        return self.swan(*arguments, env=self.environment(**(env or {})), **kwargs)

    def pull(self, *arguments, **kwargs):
        """The report of one model."""
        outcome = self.hub_swan("pull", *arguments, "--json", **kwargs)
        return self.json_line(outcome)["models"][0]

    def repo_folder(self, name="org/model"):
        return self.cache / ("models--" + name.replace("/", "--"))

    def snapshot(self, name="org/model", revision="main"):
        return self.repo_folder(name) / "snapshots" / self.hub.repos[name].sha(revision)
