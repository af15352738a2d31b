#!/usr/bin/env bash
# Builds the HEAD commit and puts it live in place. Kudu and git hooks call it; so do people: bash deploy.sh [--serve]
#   --serve   afterwards serves the site on http://localhost:8080 (or PORT, or --port NUMBER) until Ctrl+C
# All other arguments go to `inplace-deploy deploy`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

serve=no
previous=
arguments=()
# Who starts it may have closed them.
: 3>&2 || exec 2>/dev/null
{ : 3>&1; } 2>/dev/null || exec >/dev/null
exec 3>&1
for argument in "$@"; do
  # With --json, stdout is for the one document.
  if [ "$argument" = --json ]; then exec 3>&2; fi
  if [ "$previous" = --port ]; then PORT=$argument; fi
  case "$previous,$argument" in
  *,--serve) serve=yes ;;
  *,--port | --port,*) ;;
  *,--port=*) PORT=${argument#--port=} ;;
  *) arguments+=("$argument") ;;
  esac
  previous=$argument
done

if ! command -v node >/dev/null 2>&1; then
  echo "deploy.sh: node is not on the PATH; inplace-deploy needs Node 20.19 or newer" >&2
  exit 1
fi

# Only when needed: a second terminal may deploy while the first one serves from the same checkout.
if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo "installing packages" >&3
  # The compiler is a development package, and hosts like App Service set NODE_ENV=production.
  npm ci --include=dev --no-audit --no-fund --loglevel=error >&3
  touch node_modules/.package-lock.json
fi
if [ ! -e dist/.built ] || [ -n "$(find src scripts package.json tsconfig.base.json -newer dist/.built -print | head -n 1)" ]; then
  echo "building inplace" >&3
  npm run --silent build >&3
  touch dist/.built
fi

# bash 3.2 (macOS) calls an empty array unset.
node bin/inplace.js deploy ${arguments[@]+"${arguments[@]}"}
if [ "$serve" = yes ]; then
  exec node bin/inplace.js serve --port "${PORT:-8080}"
fi
