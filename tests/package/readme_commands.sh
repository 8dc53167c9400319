#!/usr/bin/env bash
# Runs the readme's `swan` commands as they stand there, with the installed program.
# Usage: readme_commands.sh SOURCE_DIR BIN_DIR WORK_DIR
set -euo pipefail
source_dir=$1
export PATH=$2:$PATH
rm -rf "$3"
mkdir -p "$3"
cd "$3"
ln -s "$source_dir/models" models

run=0
while IFS= read -r line; do
  if [[ $line == *'~/'* ]]; then continue; fi # needs a model of the user's
  printf '$ %s\n' "$line"
  bash -euo pipefail -c "$line"
  run=$((run + 1))
done < <(grep '^swan ' "$source_dir/README.md")
printf 'ran %d commands\n' "$run"
((run >= 4)) # the pattern above still finds them
