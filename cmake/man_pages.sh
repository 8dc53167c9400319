#!/usr/bin/env bash
# man_pages.sh SWAN HELP2MAN FOLDER: writes swan.1 and swan-COMMAND.1 for each command.
set -euo pipefail
swan=$1 help2man=$2 folder=$3
mkdir -p "$folder"
rm -f "$folder"/*.1
version=$("$swan" --version)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-0}

# page NAME ONE-LINE-DESCRIPTION SEE-ALSO [COMMAND...]
page() {
  local name=$1 description=$2 see=$3 wrapper=$folder/.$1 include=$folder/.include
  shift 3
  printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$swan" "$*" >"$wrapper"
  chmod +x "$wrapper"
  printf '[see also]\n%s\n' "$see" >"$include"
  "$help2man" --no-info --section=1 --manual="Swan" --source="$version" --version-string="$version" --name="$description" \
    --include="$include" "$wrapper" |
    sed "s/^\.TH [^ ]*/.TH ${name^^}/" >"$folder/$name.1"
  rm -f "$wrapper" "$include"
}

# "  image    Make pictures from a prompt", below "Commands:"
mapfile -t commands < <("$swan" --help | sed -n '/^Commands:/,/^$/ s/^  *\([a-z][a-z-]*\)  *\([A-Z].*\)$/\1\t\2/p')
((${#commands[@]} > 0)) || { echo "man_pages.sh: no commands in the help" >&2; exit 1; }
names=()
for line in "${commands[@]}"; do
  name=${line%%$'\t'*}
  description=${line#*$'\t'}
  page "swan-$name" "${description,}" '.BR swan (1)' "$name"
  names+=(".BR swan-$name (1)")
done
page swan "pictures and videos from text" "$(printf '%s,\n' "${names[@]}" | sed '$ s/,$//')"
