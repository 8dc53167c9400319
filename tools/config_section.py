"""Arguments of a Python tool from a section of a configuration of Swan (docs/CONFIG.md)."""
import argparse
import json
import os
import subprocess


def parse_args(parser: argparse.ArgumentParser, section: str, swan: str = "") -> argparse.Namespace:
    """Parses the command line; what is not typed comes from the section of the files of --config, as Swan reads them.

    @param section  "training" or "evaluation"; its keys are the arguments' names
    @param swan  the program that reads configurations; without it $SWAN_PROGRAM, or swan
    """
    parser.add_argument("--config", action="append", default=[], help="a configuration of Swan, or the name of a preset")
    files = argparse.ArgumentParser(add_help=False)
    files.add_argument("--config", action="append", default=[])
    names = files.parse_known_args()[0].config
    if names:
        command = [swan or os.environ.get("SWAN_PROGRAM", "swan"), "config", "show", "--format", "json"]
        shown = subprocess.run([*command, *(part for name in names for part in ("--config", name))],
                               stdout=subprocess.PIPE, text=True)
        if shown.returncode:
            parser.exit(shown.returncode)  # Swan has said what is wrong
        known = {action.dest: action for action in parser._actions}
        for key, value in json.loads(shown.stdout).get(section, {}).items():
            if key not in known or value is None:
                continue  # another tool's, or none
            action = known[key]
            action.required = False
            # Defaults that are texts are converted by the argument's type, others are taken as they are.
            action.default = [value] if isinstance(action, argparse._AppendAction) and not isinstance(value, list) else value
    return parser.parse_args()
