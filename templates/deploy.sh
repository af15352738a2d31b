#!/usr/bin/env bash
# Builds the HEAD commit and puts it live in place. Kudu and git hooks call it; so do people: bash deploy.sh [--serve]
#   --serve   afterwards serves the site on http://localhost:8080 until Ctrl+C
# All other arguments go to `inplace deploy`.
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
  pnpm-lock.yaml) pnpm install --frozen-lockfile --prod=false ;;
  yarn.lock)
    # From version 2 on, yarn writes its own version there, has other options, and would rather not make node_modules.
    if grep -q '^__metadata:' yarn.lock; then
      YARN_NODE_LINKER=node-modules yarn install --immutable
    else
      yarn install --frozen-lockfile --production=false
    fi
    ;;
  package-lock.json) npm ci --include=dev --no-audit --no-fund ;;
  *) npm install --include=dev --no-audit --no-fund ;;
  esac
}

# Only when needed: a second terminal may deploy while the first one serves from the same checkout.
lock=package.json
for file in package-lock.json yarn.lock pnpm-lock.yaml; do
  if [ -e "$file" ]; then lock=$file; fi
done
installed=node_modules/.inplace-installed
if [ ! -e node_modules/.bin/inplace ] || { [ -e "$installed" ] && [ "$lock" -nt "$installed" ]; }; then
  echo "installing packages" >&3
  install_packages "$lock" >&3
fi
if [ ! -e node_modules/.bin/inplace ]; then
  echo "deploy.sh: inplace-deploy is not among the packages of package.json. Add it: npm install inplace-deploy" >&2
  exit 1
fi
touch "$installed"

# bash 3.2 (macOS) calls an empty array unset.
node_modules/.bin/inplace deploy ${arguments[@]+"${arguments[@]}"}
if [ "$serve" = yes ]; then
  exec node_modules/.bin/inplace serve --port "${PORT:-8080}"
fi
