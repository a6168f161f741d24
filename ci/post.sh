#!/usr/bin/env bash
# Posts the tables: as the job's summary, and as one comment on the pull request, which the next run replaces.
set -euo pipefail

mark='<!-- inkport -->'
table="$INKPORT_OUT/table.md"
mkdir -p "$INKPORT_OUT"
echo "$mark" >"$table"
for name in report compare; do
    # Up to the second section: the verdict in words, and the table of the targets.
    [ ! -f "$INKPORT_OUT/$name.md" ] || awk '/^## / && ++sections > 1 { exit } { print }' "$INKPORT_OUT/$name.md" >>"$table"
done
[ -f "$INKPORT_OUT/report.md" ] || echo 'inkport verify ended without a report; its output says why.' >>"$table"
cat "$table" >>"${GITHUB_STEP_SUMMARY:-/dev/stdout}"

comment() {
    local comments="repos/$GITHUB_REPOSITORY/issues/$1/comments" old
    old=$(gh api --paginate "$comments" --jq ".[] | select(.body | startswith(\"$mark\")) | .id" | sed -n 1p) || return
    if [ -n "$old" ]; then
        gh api --silent --method PATCH "repos/$GITHUB_REPOSITORY/issues/comments/$old" --field "body=@$table"
    else
        gh api --silent --method POST "$comments" --field "body=@$table"
    fi
}
if [ "${INKPORT_COMMENT:-}" = true ] && [[ "${GITHUB_REF:-}" =~ ^refs/pull/([0-9]+)/ ]]; then
    # A pull request from a fork may not write; its table is in the summary all the same.
    comment "${BASH_REMATCH[1]}" || echo '::warning title=inkport::no comment on the pull request, see the summary of the job'
fi
