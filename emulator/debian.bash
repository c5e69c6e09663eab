# Debian packages for the board, by `source`: kept in a folder of the user's, with
# apt settings of their own, so that the system's are neither used nor changed.
# Nothing is installed. apt checks the index's signature; the packages are checked
# against the index's sums, also those that are there already.
# shellcheck shell=bash

debian_folder=${XDG_CACHE_HOME:-$HOME/.cache}/mimamori/debian
debian_keys=/usr/share/keyrings/debian-archive-keyring.gpg
# So old may the index get, in minutes, before it is asked for again.
DEBIAN_INDEX_AGE=1440

# Where Debian 12 is fetched from: where this machine has it from itself.
debian_site() {
  local suite=$1 folder=$2 site
  if [[ -n ${MIMAMORI_DEBIAN_MIRROR:-} ]]; then
    echo "$MIMAMORI_DEBIAN_MIRROR/$folder"
    return
  fi
  # shellcheck disable=SC2016 # these are apt's variables
  site=$(apt-get indextargets --format '$(RELEASE) $(SITE)' 'Created-By: Packages' |
    awk -v suite="$suite" '$1 == suite { print $2; exit }')
  [[ -n $site ]] ||
    die "this machine knows no source of Debian 12: name a mirror with MIMAMORI_DEBIAN_MIRROR=URL, which has $folder/"
  echo "$site"
}

debian_set_up() {
  local main security
  main=$(debian_site bookworm debian) || exit
  security=$(debian_site bookworm-security debian-security) || exit
  [[ -r $debian_keys ]] || die "Debian's keys are missing: apt-get install debian-archive-keyring"
  mkdir -p "$debian_folder"/{lists/partial,packages,none} 2>/dev/null ||
    die "$debian_folder can't be made; name another place with XDG_CACHE_HOME=FOLDER"
  [[ -e $debian_folder/status ]] || : >"$debian_folder/status"
  cat >"$debian_folder/debian.sources.new" <<END
Types: deb deb-src
URIs: $main
Suites: bookworm bookworm-updates
Components: main
Signed-By: $debian_keys

Types: deb
URIs: $security
Suites: bookworm-security
Components: main
Signed-By: $debian_keys
END
  # Another mirror, or more to be had from it: the old index says nothing of that.
  cmp -s "$debian_folder/debian.sources.new" "$debian_folder/debian.sources" || rm -f "$debian_folder/updated"
  mv "$debian_folder/debian.sources.new" "$debian_folder/debian.sources"
  debian_options=(
    -o "Dir::State=$debian_folder" -o "Dir::State::status=$debian_folder/status"
    -o "Dir::Cache=$debian_folder" -o Dir::Cache::pkgcache=index.bin -o Dir::Cache::srcpkgcache=sources.bin
    -o "Dir::Etc::sourcelist=$debian_folder/debian.sources"
    -o "Dir::Etc::sourceparts=$debian_folder/none" -o "Dir::Etc::preferencesparts=$debian_folder/none"
    -o "APT::Architecture=$(dpkg --print-architecture)"
    -o APT::Architectures::="$(dpkg --print-architecture)" -o APT::Architectures::=armel
    -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none
    -o Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false
    -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false
  )
}

# An index of yesterday does, where the network is away.
debian_update() {
  local stamp=$debian_folder/updated log
  [[ -z $(find "$stamp" -mmin -"$DEBIAN_INDEX_AGE" 2>/dev/null) ]] || return 0
  if log=$(apt-get "${debian_options[@]}" update -q 2>&1) && ! grep -q '^[WE]: .*[Ff]ailed' <<<"$log"; then
    touch "$stamp"
  elif [[ -e $stamp ]]; then
    echo "  Debian is not reached; going on with what is here since $(date -r "$stamp" +%F)"
  else
    log=$(grep -m 1 '^[WE]:' <<<"$log" || true)
    die "Debian's index can't be had (${log#?: }); name another mirror with MIMAMORI_DEBIAN_MIRROR=URL"
  fi
}

# The package that another one depends on, by the beginning of its name; nothing if
# the index has none.
debian_dependency() {
  { apt-cache "${debian_options[@]}" depends "$1" 2>/dev/null || true; } |
    sed -nE "s/^ +(Depends: <?)?($2[^ :>]*).*/\2/p" | sort -V | tail -1
}

# Packages for the board and all that they depend on, by name.
debian_with_dependencies() {
  apt-get "${debian_options[@]}" -o APT::Architecture=armel -o Dir::Cache::pkgcache= \
    install -s -qq --no-install-recommends "$@" |
    sed -nE 's/^Inst ([^ ]+) .*\[all\].*/\1/p; t; s/^Inst ([^ ]+) .*/\1:armel/p'
}

debian_source_version() {
  apt-cache "${debian_options[@]}" showsrc "$1" 2>/dev/null | sed -n 's/^Version: //p' | sort -V | tail -1
}

# Unpacks version $2 of the source package $1, with Debian's patches, as folder $3.
debian_source() {
  local new=$3.new log
  rm -rf "$new"
  mkdir -p "$new"
  log=$( (cd "$new" && apt-get "${debian_options[@]}" source --download-only -qq "$1=$2" &&
    dpkg-source --no-check -x ./*.dsc source) 2>&1) ||
    { echo "$log" >&2; die "the source of $1 can't be fetched; name another mirror with MIMAMORI_DEBIAN_MIRROR=URL"; }
  mv -T "$new/source" "$3"
  rm -rf "$new"
}

# Fetches packages, and sets debian_files to where they are.
debian_fetch() {
  local packages=$debian_folder/packages list uri file size sum missing=()
  list=$(apt-get "${debian_options[@]}" download --print-uris "$@") ||
    die "the index knows not all of: $*"
  debian_files=()
  while read -r uri file size sum; do
    : "$uri" "$size"
    debian_files+=("$packages/$file")
    debian_intact "$packages/$file" "$sum" || missing+=("$file")
  done <<<"$list"
  ((${#missing[@]})) || return 0
  echo "  fetching ${missing[*]}"
  rm -f "${missing[@]/#/$packages/}"
  if ! (cd "$packages" && apt-get "${debian_options[@]}" download -q "$@" >/dev/null); then
    # Perhaps the index is older than what the mirror has.
    rm -f "$debian_folder/updated"
    die "packages can't be fetched; name another mirror with MIMAMORI_DEBIAN_MIRROR=URL; try again"
  fi
  while read -r uri file size sum; do
    debian_intact "$packages/$file" "$sum" || die "$packages/$file is not what the index says"
  done <<<"$list"
}

# "SHA256:..." is what apt gives for every suite of today.
debian_intact() {
  [[ -f $1 && $2 == SHA256:* ]] && sha256sum --status --check - <<<"${2#SHA256:}  $1"
}
