#!/bin/sh
# Fills a man page's template with what the programs say of themselves, so that it stays true:
#   man/make.sh BIN_DIR man/banterctl.1.in > banterctl.1
set -eu
# Where I is no letter between A and Z (Turkish), names of settings would be missing.
export LC_ALL=C.UTF-8

bin=$1 template=$2
page=$(basename "$template" .in)
# The latest entry of the changelog dates the page, not the moment of the build.
date=${SOURCE_DATE_EPOCH:+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%d)}
date=${date:-$(date -u -r CHANGELOG.md +%Y-%m-%d)}

# A leading dot or quote is a request to roff, a minus a hyphen.
roff() { sed -e 's/\\/\\e/g' -e 's/-/\\-/g' -e "s/^[.']/\\\\\&&/"; }

settings() {
  env -i "$bin/${page%.*}" "$1" | sed -n -e '1,/^NAME /d' -e 's/^\(BANTER_[A-Z0-9_]*\)  *\([^ ].*\)$/\1\t\2/p' |
    while IFS='	' read -r name rest; do
      printf '.TP\n.B %s\n' "$name"
      # unit, default and meaning are columns with two blanks or more between
      printf '%s\n' "$rest" | awk '{
        unit = substr($0, 1, 12); sub(/ +$/, "", unit)
        rest = substr($0, 14)
        fallback = rest; sub(/ .*/, "", fallback)
        meaning = rest; sub(/^[^ ]* +/, "", meaning)
        printf "%s (%s%s)\n", meaning, unit, fallback == "-" ? "" : "; default " fallback
      }' | roff
    done
}

commands() {
  "$bin/banterctl" --list-commands | while IFS='	' read -r line; do
    name=$(printf '%s\n' "$line" | cut -f 1)
    arguments=$(printf '%s\n' "$line" | cut -f 2)
    options=$(printf '%s\n' "$line" | cut -f 3)
    summary=$(printf '%s\n' "$line" | cut -f 4)
    printf '.TP\n'
    printf '.B %s\n' "$(printf '%s%s%s' "$name" "${arguments:+ $arguments}" \
      "$(for option in $options; do printf ' [%s]' "$option"; done)" | roff)"
    printf '%s.\n' "$summary" | roff
  done
}

version=$("$bin/banterctl" --version | sed 's/.* //')
while IFS= read -r line; do
  case $line in
    @COMMANDS@) commands ;;
    @SETTINGS@) if [ "$page" = banterctl.1 ]; then settings --settings; else settings --help; fi ;;
    *) printf '%s\n' "$line" | sed -e "s/@VERSION@/$version/" -e "s/@DATE@/$date/" ;;
  esac
done < "$template"
