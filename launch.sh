#!/bin/sh
# Starts the artifact that _artifact.txt names, passes on arguments, signals and the exit code. launch.cmd is its twin.
# An artifact that dies before it proved itself is marked, and the last good one is started in the same attempt.
set -u

# Longer than this, seconds: it served, and its end is no failed start.
PROVEN_AFTER=60
NOTHING_TO_START=4
# The runtime found that the artifact is not what was published, and marked it.
REFUSED=4
# Not the artifact's fault, as it says itself, or as the runtime says where another program has its port.
TEMPORARY=75
# Longer than this, bytes, a name leaves no room for what is kept under it.
LONGEST_NAME=228
# None is longer than this with so few characters.
SHORT_NAME=57

CDPATH= cd -- "$(dirname -- "$0")" || exit 1
root=$PWD
backslash='\'
newline='
'
carriage_return=$(printf '\r')
end_of_text=$(printf '\032')
byte_order_mark=$(printf '\357\273\277')
# UTF-16, as PowerShell and Notepad write it, either way round.
wide_mark=$(printf '\377\376')
wide_mark_swapped=$(printf '\376\377')

# First line of a file without byte order mark, carriage return, quotes and blanks around it; fails where there is none.
# UTF-16 is read where there is iconv, and elsewhere what of it ASCII can say.
line_of() {
  line=
  [ -f "$1" ] && [ -r "$1" ] || return 1
  IFS= read -r line 2>/dev/null <"$1" || [ -n "$line" ] || return 1
  case $line in
  "$wide_mark"* | "$wide_mark_swapped"*)
    line=$(iconv -f UTF-16 -t UTF-8 <"$1" 2>/dev/null || tr -d '\000\376\377' <"$1")
    line=${line%%"$newline"*}
    ;;
  esac
  line=${line#"$byte_order_mark"}
  line=${line%"$end_of_text"}
  line=${line%"$carriage_return"}
  trim
  case $line in '"'*'"') line=${line#?} line=${line%?} ;; esac
  trim
  [ -n "$line" ]
}

# Sets interpreter, and the one argument that it may have, to what the first line of a script names; sh where that names none.
interpreter_of() {
  interpreter=sh argument=
  line_of "$1" || return 0
  case $line in '#!'*) line=${line#'#!'} ;; *) return 0 ;; esac
  trim
  [ -n "$line" ] || return 0
  interpreter=${line%%[ 	]*}
  line=${line#"$interpreter"}
  trim
  argument=$line
}

trim() {
  line=${line#"${line%%[! 	]*}"}
  line=${line%"${line##*[! 	]}"}
}

# Sets path to the text with every \ as /.
slashes() {
  path=
  rest=$1
  while :; do
    case $rest in
    *"$backslash"*) path=$path${rest%%"$backslash"*}/ rest=${rest#*"$backslash"} ;;
    *) path=$path$rest && break ;;
    esac
  done
}

# Reads a name from a file as the pointer and last-good hold it: bare, relative or absolute, / or \.
name_in() {
  line_of "$1" || return 1
  slashes "$line"
  name=${path#./}
  name=${name#"$root/"}
  case $name in _[Tt][Aa][Rr][Gg][Ee][Tt]/*) name=${name#*/} ;; esac
  startable "$name"
}

# Whether that is the name of something directly inside _target that can be started, and no temporary file, device or link out of it.
startable() {
  case $1 in
  '' | .* | -* | '~'* | *'~' | */* | *"$backslash"* | *. | *[[:cntrl:]]*) return 1 ;;
  *.tmp | *.part | *.partial | *.crdownload | *.download | *.filepart | *.swp) return 1 ;;
  *.zip | *.nupkg | *.tgz | *.tar.gz) return 1 ;;
  esac
  [ "${#1}" -le $SHORT_NAME ] || [ "$(printf %s "$1" | wc -c)" -le $LONGEST_NAME ] || return 1
  [ ! -L "_target/$1" ] || return 1
  [ -d "_target/$1" ] || { [ -f "_target/$1" ] && kind_of "_target/$1"; }
}

# Sets how to what starts a file; fails where nothing does. What begins otherwise the shell would read as commands, line by line.
kind_of() {
  how=
  case $1 in
  *.[mM][jJ][sS] | *.[cC][jJ][sS] | *.[jJ][sS]) how=node && return ;;
  *.[sS][hH]) how=sh && return ;;
  *.[cC][mM][dD] | *.[bB][aA][tT]) return 1 ;;
  esac
  file=$1
  set -- $(od -A n -t x1 -N 4 "$file" 2>/dev/null)
  case ${1-}${2-}${3-}${4-} in
  2321*) ;;
  7f454c46) [ ! -d /System/Library ] || return 1 ;;
  feedface | feedfacf | cefaedfe | cffaedfe | cafebabe) [ -d /System/Library ] || return 1 ;;
  4d5a*) [ -n "${SYSTEMROOT-}" ] || grep -qsi -e '^magic 4d5a$' -e '^extension \.exe$' /proc/sys/fs/binfmt_misc/* || return 1 ;;
  *) return 1 ;;
  esac
  how=itself
}

newest() {
  name=$(
    ls -t _target 2>/dev/null | while IFS= read -r each; do
      startable "$each" && ! leftover "$each" && [ ! -e ".inplace/failed/$each" ] || continue
      if [ -d "_target/$each" ]; then
        entry_of "_target/$each" "$each" 2>/dev/null && kind_of "_target/$each/$entry" || continue
      fi
      printf %s "$each" && break
    done
  )
  [ -n "$name" ]
}

# Whether it is by its name a copy, a backup or part of a program, and was not deployed, or is ELF's and neither a program nor
# independent of its position. A watcher knows some more names.
leftover() {
  [ ! -e ".inplace/manifests/$1.json" ] || return 1
  case $1 in
  *[-_.]bak | *[-_.]bak.* | *[-_.]backup | *[-_.]backup.* | *[-_.]old | *[-_.]old.* | *.bck | *.orig | *.rej | *.save | *.new) ;;
  *.dpkg-* | *.ucf-* | *.opkg-* | *.apk-new | *.rpmsave | *.rpmnew | *.rpmorig | *.pacnew | *.pacsave | *.pacorig) ;;
  *___jb_*___ | *.kate-swp | *.crswap | *.sw[a-px] | *.lock | *.temp | 4913 | nohup.out) ;;
  *.inprogress | *.uploading | *.part.minio | *.lftp-pget-status | *.aria2) ;;
  *.dll | *.dylib | *.node | *.o | *.so | *.so.[0-9]* | *.dbg | *.debug | *.map | *.sig | *.asc | *.dSYM) ;;
  *.mine | *,v | *.mjs.[0-9] | *.js.[0-9] | *_BASE_[0-9]* | *_LOCAL_[0-9]* | *_REMOTE_[0-9]* | *_BACKUP_[0-9]*) ;;
  *' - Copy' | *' - Copy.'* | *' - Copy ('* | *' copy' | *' copy '[0-9]* | *' copy.'* | *' copy)'* | *'(copy)'* | 'Copy of '*) ;;
  *' ('[0-9]')' | *' ('[0-9]').'* | *'('*[cC]onflict*')'* | *_conflict-[0-9]* | *.sync-conflict-* | *.Conflict*) ;;
  'New folder'* | 'untitled folder'* | __MACOSX | lost+found | 'System Volume Information' | nppBackup | node_modules | backup | tmp) ;;
  *) at_random "${1##*.}" || no_executable "_target/$1" ;;
  esac
}

# Whether it is an object file, a module or a core dump of ELF's: the type is in bytes 16 and 17, in either order.
no_executable() {
  [ -f "$1" ] || return 1
  set -- $(od -A n -t x1 -v -N 18 "$1" 2>/dev/null)
  [ "${1-}${2-}${3-}${4-}" = 7f454c46 ] || return 1
  case ${17-}${18-} in 0200 | 0002 | 0300 | 0003) return 1 ;; esac
}

# Whether rsync or aws s3 may have appended it to a name until the file is whole.
at_random() {
  [ "${#1}" -eq 6 ] || [ "${#1}" -eq 8 ] || return 1
  case $1 in *[!A-Za-z0-9]*) return 1 ;; esac
  case $1 in *[ABCDEFGHIJKLMNOPQRSTUVWXYZ]*) ;; *) return 1 ;; esac
  case $1 in *[0-9][A-Za-z]*) ;; *) return 1 ;; esac
}

# Text of others must not steer the terminal of who reads it: without control characters, and without marks of direction and
# ends of lines, which are several bytes each. A reader that stands still costs the line after a second, and not the start.
say() {
  marks=$(printf 's/\302[\200-\237]//g;s/\330\234//g;s/\342\200[\216\217\250-\256]//g;s/\342\201[\246-\251]//g')
  words=$(printf 'launch.sh: %s\n' "$1" | LC_ALL=C tr -d '\000-\011\013-\037\177' | LC_ALL=C sed "$marks")
  # The shell that ends the writer would say so itself, to the same reader.
  (
    printf '%s\n' "$words" >&4 &
    writer=$!
    (sleep 1 & trap "kill $!" TERM && wait $! && kill "$writer") >/dev/null 4>&- &
    wait "$writer"
    kill $!
  ) </dev/null 4>&2 2>/dev/null
}

# Whether releases may have to be signed, which only the runtime can tell.
signature_needed() {
  [ -z "${INPLACE_PUBLIC_KEY-}" ] || return 0
  for file in inplace.config.json package.json; do
    [ -e "$file" ] || [ -L "$file" ] || continue
    [ -f "$file" ] && [ -r "$file" ] || return 0
    tr -d '\000' <"$file" | grep -q -e requireSignature -e '\\u'
    [ $? -eq 1 ] || return 0
  done
  return 1
}

# Sets name and program to what the runtime has checked, in place of the one that has just failed.
checked() {
  if ! line_of .inplace/runtime/current || [ ! -f ".inplace/runtime/$line/choose.mjs" ] || ! recent_node; then
    say 'this site may require signatures, and they are checked by the runtime (inplace-deploy deploy) with Node 20 or newer on the PATH; nothing is started.'
    return $NOTHING_TO_START
  fi
  chosen=$(node ".inplace/runtime/$line/choose.mjs" "$1") || return
  # Where no signature is required after all.
  [ "$chosen" != - ] || signed=
  name=${chosen%%"$newline"*}
  program=${chosen#*"$newline"}
}

# Sets artifact to what the pointer names, else the last good one, else the newest. Of those that failed, the first at
# least, where there is no other.
choose() {
  artifact=
  if [ -n "$signed" ]; then
    checked "" || exit
    artifact=$name
    [ -z "$signed" ] || return 0
  fi
  why='_artifact.txt names nothing that can be started'
  if name_in _artifact.txt; then
    artifact=$name
    [ -e ".inplace/failed/$artifact" ] || return 0
    why="$artifact is marked failed"
  fi
  if ! sound_one; then
    [ -z "$artifact" ] || return 0
    if name_in .inplace/last-good; then which='last good'; else newest && which=newest || return 1; fi
  fi
  say "$why; starting the $which artifact, $name."
  artifact=$name
}

# Sets name to the last good artifact, and where that one is gone or failed to the newest, and which to what it is.
sound_one() {
  if [ -n "$signed" ]; then
    which='last good'
    checked "$artifact"
    return
  fi
  [ -f .inplace/last-good ] || return 1
  which='last good'
  name_in .inplace/last-good && [ ! -e ".inplace/failed/$name" ] && return 0
  which=newest
  newest
}

# Sets program to the file in _target to run, unless it is the checked one, and how.
resolve() {
  if [ -z "$signed" ]; then
    program=_target/$1
    if [ -d "$program" ]; then
      entry_of "$program" "$1" || return 1
      program=$program/$entry
    fi
  fi
  if ! kind_of "$program"; then
    say "$program is no program: neither .mjs, .js, .cjs or .sh, nor does it begin with #! or as a program of this system does."
    return 1
  fi
  # Copies over FTP and from Windows lose the permission.
  [ "$how" != itself ] || [ -x "$program" ] || chmod u+x "$program" 2>/dev/null
  return 0
}

entry_of() {
  if line_of "$1/_entry.txt"; then
    slashes "$line"
    entry=$path
    case /$entry/ in */../* | //*) say "$1/_entry.txt leads out of its folder." && return 1 ;; esac
    [ -f "$1/$entry" ] && return 0
    say "$1/_entry.txt names $entry, which is not there." && return 1
  fi
  for stem in index server main app; do
    for extension in mjs js cjs; do
      entry=$stem.$extension
      [ -f "$1/$entry" ] && return 0
    done
  done
  for entry in "$2.exe" "$2" start.sh; do
    [ -f "$1/$entry" ] && return 0
  done
  say "$1 has no entry point: name it in $1/_entry.txt."
  return 1
}

# Runs the artifact to its end and sets code. A command in the background would get no input, hence descriptor 3.
run() {
  artifact=$1
  shift
  code=1
  started_at=$(date +%s)
  resolve "$artifact" || return
  mkdir -p .inplace 2>/dev/null && printf '%s\n' "$artifact" 2>/dev/null >.inplace/started
  INPLACE_ARTIFACT=$artifact
  INPLACE_SITE_ROOT=$root
  export INPLACE_ARTIFACT INPLACE_SITE_ROOT
  case $how in
  node)
    if line_of .inplace/runtime/current && [ -f ".inplace/runtime/$line/register.mjs" ]; then
      # What the app starts is to find it from any folder; but in a specifier some characters mean something else.
      case $root in *[!A-Za-z0-9/._~+@-]*) from=. ;; *) from=$root ;; esac
      set -- node --import "$from/.inplace/runtime/$line/register.mjs" "$program" "$@"
    else
      set -- node "$program" "$@"
    fi
    ;;
  sh) interpreter_of "$program" && set -- "$interpreter" ${argument:+"$argument"} "$program" "$@" ;;
  itself) set -- "./$program" "$@" ;;
  esac
  if [ -n "$sockets" ]; then
    # LISTEN_PID has to name the artifact's own process; exec keeps the number of the shell that sets it.
    sh -c 'export LISTEN_PID=$$ && exec "$@"' sh "$@" &
  else
    "$@" <&3 3<&- &
  fi
  child=$!
  [ -z "$asked_to_end" ] || kill -TERM "$child" 2>/dev/null
  # A signal ends wait, not the child.
  while :; do
    forwarded=
    wait "$child"
    code=$?
    [ -n "$forwarded" ] || return
  done
}

forward() {
  forwarded=1
  asked_to_end=1
  [ -z "$child" ] || kill "-$1" "$child" 2>/dev/null
}

# Whether that is all there is to listen on: no Unix socket, and not several sockets of systemd.
one_tcp_port() {
  case ${HTTP_PLATFORM_PORT-}${PORT-} in */*) return 1 ;; esac
  [ "${LISTEN_PID-}" != "$$" ] || [ "${LISTEN_FDS-0}" -le 1 ]
}

recent_node() {
  case $(node --version 2>/dev/null) in v[2-9][0-9].* | v[1-9][0-9][0-9].*) ;; *) return 1 ;; esac
}

unset INPLACE_APP_PID
# A deploy leaves this unless its rollout is "recycle": then a supervisor keeps the port, and chooses the artifact by itself.
if [ -f .inplace/handover.json ] && line_of .inplace/runtime/current && [ -f ".inplace/runtime/$line/supervise.mjs" ]; then
  if one_tcp_port && recent_node; then
    export INPLACE_SITE_ROOT="$root"
    exec node ".inplace/runtime/$line/supervise.mjs" "$@"
  fi
  say 'a handover needs one TCP port, and Node 20 or newer on the PATH; starting the artifact itself, which is recycled.'
fi
if [ -z "${HTTP_PLATFORM_PORT-}" ] && [ -n "${PORT-}" ]; then export HTTP_PLATFORM_PORT="$PORT"; fi
if [ -z "${PORT-}" ] && [ -n "${HTTP_PLATFORM_PORT-}" ]; then export PORT="$HTTP_PLATFORM_PORT"; fi
# Sockets of systemd begin at descriptor 3, and its services have no input.
[ "${LISTEN_PID-}" = "$$" ] && sockets=1 || { sockets= && exec 3<&0; }
# That nohup has a hang-up ignored, Node undoes at its start, and only a program that cannot do so itself can tell. The colon
# keeps this shell from being that program's parent, which would say how it ended.
if [ -n "$(exec 2>/dev/null; sh -c 'kill -HUP $$; echo ignored'; :)" ]; then
  export INPLACE_SIGNALS="${INPLACE_SIGNALS:-SIGTERM,SIGINT},-SIGHUP"
fi
child=
asked_to_end=
trap 'forward TERM' TERM
trap 'forward INT' INT
trap 'forward HUP' HUP

signature_needed && signed=1 || signed=
if ! choose; then
  say "nothing to start: _target in $root holds no artifact. Deploy one, or copy one into it."
  exit $NOTHING_TO_START
fi
fell_back=
while :; do
  run "$artifact" "$@"
  [ -z "$asked_to_end" ] || exit "$code"
  [ "$code" -ne $TEMPORARY ] || exit "$code"
  if [ "$code" -ne $REFUSED ] || [ ! -e ".inplace/failed/$artifact" ]; then
    [ -z "$fell_back" ] || exit "$code"
    [ $(($(date +%s) - started_at)) -lt $PROVEN_AFTER ] || exit "$code"
    name_in .inplace/last-good && [ "$name" = "$artifact" ] && exit "$code"
    name_in _artifact.txt && [ "$name" != "$artifact" ] && exit "$code"
    # One that is started for want of another, and fails again, is marked already.
    [ -e ".inplace/failed/$artifact" ] ||
      { mkdir -p .inplace/failed 2>/dev/null && printf 'exit code %s\n' "$code" 2>/dev/null >".inplace/failed/$artifact"; }
  fi
  sound_one && [ "$name" != "$artifact" ] || exit "$code"
  say "$artifact ended with exit code $code before it proved itself; starting the $which artifact, $name."
  artifact=$name
  fell_back=1
done
