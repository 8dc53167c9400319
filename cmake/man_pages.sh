#!/usr/bin/env bash
# man_pages.sh SWAN HELP2MAN FOLDER: writes swan.1.gz and swan-COMMAND.1.gz for each command.
set -euo pipefail
swan=$1 help2man=$2 folder=$3
mkdir -p "$folder"
rm -f "$folder"/*.1 "$folder"/*.1.gz
export LC_ALL=C.UTF-8
export SOURCE_DATE_EPOCH=0  # the pages have no date: see below
version=$("$swan" --version)

# Lines of the help's examples as roff, which would flow together, and what follows them as a paragraph.
examples() {
  sed -n '/^Examples:/,$ p' | sed '1d; s/\\/\\e/g; s/-/\\-/g; s/`/\\(ga/g; s/~/\\(ti/g; s/\^/\\(ha/g' |
    sed "s/'/\\\\(aq/g" | awk '
      /^  / { if (!code++) print ".nf"; sub(/^  /, ""); print "\\&" $0; next }
      /./   { if (code) print ".fi"; code = 0; print ".PP"; print "\\&" $0 }
      END   { if (code) print ".fi" }'
}

# page NAME ONE-LINE-DESCRIPTION SEE-ALSO [COMMAND...]
page() {
  local name=$1 description=$2 see=$3 wrapper=$folder/.$1 include=$folder/.include
  shift 3
  printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$swan" "$*" >"$wrapper"
  chmod +x "$wrapper"
  printf '[see also]\n%s\n[=examples]\n' "$see" >"$include"
  "$wrapper" --help | examples >>"$include"
  "$help2man" --locale=C.UTF-8 --no-info --section=1 --manual="Swan" --source="$version" --version-string="$name ${version#* }" \
    --name="$description" --include="$include" "$wrapper" | sed '/^\.TH/ s/"[A-Z][a-z]* 1970"/""/' >"$folder/$name.1"
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
gzip -9 --no-name "$folder"/*.1
