#!/usr/bin/env bash
# Builds the HEAD commit and puts it live in place. Kudu and git hooks call it; so do people: bash deploy.sh [--serve]
#   --serve   afterwards serves the site on http://localhost:8080 until Ctrl+C
# All other arguments go to `inplace-deploy deploy`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

serve=no
arguments=()
exec 3>&1
for argument in "$@"; do
  # With --json, stdout is for the one document.
  if [ "$argument" = --json ]; then exec 3>&2; fi
  if [ "$argument" = --serve ]; then serve=yes; else arguments+=("$argument"); fi
done

# The compiler is a development package, and hosts like App Service set NODE_ENV=production.
install_packages() {
  case $1 in
  *pnpm-lock.yaml) pnpm install --frozen-lockfile --prod=false ;;
  *yarn.lock)
    # From version 2 on, yarn writes its own version there, has other options, and would rather not make node_modules.
    if grep -q '^__metadata:' yarn.lock; then
      YARN_NODE_LINKER=node-modules yarn install --immutable
    else
      yarn install --frozen-lockfile --production=false
    fi
    ;;
  *bun.lock | *bun.lockb) bun install --frozen-lockfile ;;
  *package-lock.json | *npm-shrinkwrap.json) npm ci --include=dev --no-audit --no-fund ;;
  *) npm install --include=dev --no-audit --no-fund ;;
  esac
}

# A member of a workspace has its lock file, and most of its packages, above it.
lock=
top=$PWD
folder=$PWD
while [ -e package.json ]; do
  for file in package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb; do
    if [ -e "$folder/$file" ]; then lock=$folder/$file top=$folder; fi
  done
  if [ -n "$lock" ] || [ -e "$folder/.git" ] || [ "$folder" = "$(dirname "$folder")" ]; then break; fi
  folder=$(dirname "$folder")
done

# Where this package is: among the app's, else where a global installation put it.
find_inplace() {
  for inplace in node_modules/.bin/inplace-deploy "$top/node_modules/.bin/inplace-deploy"; do
    if [ -e "$inplace" ]; then return 0; fi
  done
  inplace=$(command -v inplace-deploy) && [ ! -e package.json ]
}

# Only when needed: a second terminal may deploy while the first one serves from the same checkout.
if [ -e package.json ]; then
  installed=$top/node_modules/.inplace-installed
  if ! find_inplace || { [ -e "$installed" ] && [ "${lock:-package.json}" -nt "$installed" ]; }; then
    echo "installing packages" >&3
    (cd "$top" && install_packages "$lock") >&3
  fi
fi
if ! find_inplace; then
  if [ -e package.json ]; then
    echo "deploy.sh: inplace-deploy is not among the packages of package.json. Add it: npm install inplace-deploy" >&2
  else
    echo "deploy.sh: inplace-deploy is not installed. Install it: npm install --global inplace-deploy" >&2
  fi
  exit 1
fi
if [ -e package.json ]; then touch "$installed"; fi

# bash 3.2 (macOS) calls an empty array unset.
"$inplace" deploy ${arguments[@]+"${arguments[@]}"}
if [ "$serve" = yes ]; then
  exec "$inplace" serve --port "${PORT:-8080}"
fi
