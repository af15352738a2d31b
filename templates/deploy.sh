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

# The compiler is a development package, and hosts like App Service set NODE_ENV=production.
install_packages() {
  case $1 in
  *pnpm-lock.yaml) pnpm install --frozen-lockfile --prod=false --config.confirmModulesPurge=false ;;
  *yarn.lock)
    # From version 2 on, yarn writes its own version there, has other options, and would rather not make node_modules.
    if grep -q '^__metadata:' yarn.lock; then
      YARN_NODE_LINKER=node-modules run_yarn install --immutable
    else
      run_yarn install --frozen-lockfile --production=false
    fi
    ;;
  *bun.lock | *bun.lockb) bun install --frozen-lockfile ;;
  *package-lock.json | *npm-shrinkwrap.json) npm ci --include=dev --no-audit --no-fund ;;
  *) npm install --include=dev --no-audit --no-fund --no-package-lock ;;
  esac
}

# The yarn that the folder brings, as its settings name it; else the one on the PATH.
run_yarn() {
  local path
  path=$(cat .yarnrc.yml .yarnrc 2>/dev/null | tr -d "\r\"'" |
    sed -n -e 's/[ \t]*#.*//' -e 's/^yarnPath:[ \t]*//p' -e 's/^yarn-path[ \t]*//p' | head -n 1) || true
  if [ -n "$path" ] && [ -f "$path" ]; then
    node "$path" "$@"
  else
    yarn "$@"
  fi
}

# The lock file of a folder; of several the one of the manager that package.json names.
lock_in() {
  local named own file
  named=$(sed -n 's/.*"packageManager" *: *"\([a-z]*\)@.*/\1/p' "$1/package.json" 2>/dev/null) || true
  case $named in
  npm) own="npm-shrinkwrap.json package-lock.json" ;;
  yarn) own=yarn.lock ;;
  bun) own="bun.lock bun.lockb" ;;
  *) own= ;;
  esac
  for file in $own pnpm-lock.yaml yarn.lock bun.lock bun.lockb npm-shrinkwrap.json package-lock.json; do
    if [ -e "$1/$file" ]; then
      echo "$1/$file"
      return
    fi
  done
}

# A member of a workspace has its lock file, and most of its packages, above it.
above() {
  folder=$PWD
  while ! "$@" "$folder" && [ ! -e "$folder/.git" ] && [ "$folder" != "$(dirname "$folder")" ]; do
    folder=$(dirname "$folder")
  done
}
has_lock() { [ -n "$(lock_in "$1")" ]; }
has_inplace() { [ -e "$1/node_modules/.bin/inplace-deploy" ]; }

# Where this package is: among the app's, else where a global installation put it.
find_inplace() {
  above has_inplace
  inplace=$folder/node_modules/.bin/inplace-deploy
  if [ -e "$inplace" ]; then return 0; fi
  inplace=$(command -v inplace-deploy) && [ ! -e package.json ]
}

lock=
top=$PWD
if [ -e package.json ]; then
  above has_lock
  lock=$(lock_in "$folder")
  if [ -z "$lock" ]; then above has_inplace; fi
  if [ -n "$lock" ] || has_inplace "$folder"; then top=$folder; fi
fi

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
    echo "deploy.sh: inplace-deploy is not among the packages of package.json. Add it: npm install --save-dev inplace-deploy" >&2
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
