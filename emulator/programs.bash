# Programs of the board's system that Buildroot builds for the real one, by `source`:
# here from Debian's packages for armel. BusyBox is not among them: it is static.
# shellcheck shell=bash disable=SC2154

# With all that these depend on.
PROGRAM_PACKAGES=(e2fsprogs libubootenv-tool)
# What is taken out of them, by its path on the board.
PROGRAMS=(
  sbin/e2fsck sbin/mke2fs
  usr/bin/fw_printenv usr/bin/fw_setenv
)

# The packages' names, for debian_fetch.
program_packages() {
  debian_with_dependencies "${PROGRAM_PACKAGES[@]}"
}

# Puts them into the root file system $1, each with the libraries that it names.
install_programs() {
  local root=$1 path
  mkdir -p "$root/lib"
  for path in "${PROGRAMS[@]}"; do
    [[ -e $work/debian/$path ]] || die "Debian's packages have no $path"
    rm -f "${root:?}/$path"
    install -D -m 755 "$work/debian/$path" "$root/$path"
    install_libraries "$root" "$work/debian/$path"
  done
}

install_libraries() {
  local root=$1 name file
  for name in $("${CROSS}readelf" -d "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p') ld-linux.so.3; do
    [[ ! -e $root/lib/$name ]] || continue
    file=$(find "$work/debian/lib" "$work/debian/usr/lib" -name "$name" -print -quit)
    [[ -n $file ]] || die "Debian's packages have no $name, which ${2##*/} needs"
    cp -L "$file" "$root/lib/$name"
    chmod 755 "$root/lib/$name"
    install_libraries "$root" "$file"
  done
}
