#!/bin/sh
# Make the manual pages of docs/ in the folder given: packaging/man.sh build/man. Needs pandoc(1).
set -eu

folder=$1
source=$(dirname "$(readlink -f "$0")")/../docs
mkdir -p "$folder"
for page in "$source"/*.[0-9].md; do
    pandoc --standalone --from=markdown-smart --to=man --output="$folder/$(basename "$page" .md)" "$page"
done
