# How scripts/ota talks to a camera, by `source`: HTTP by curl, JSON by bash, and the
# upload by tus 1.0.0.
# shellcheck shell=bash disable=SC2154,SC2034

# One piece of the upload, in bytes: the camera confirms each.
PIECE=$((512 * 1024))
# Seconds. A broken upload is taken up again for so long; the camera itself gives it up
# after two minutes.
UPLOAD_LIMIT=${MIMAMORI_OTA_UPLOAD_LIMIT:-100}

# Sends METHOD $1 for PATH $2, more options for curl behind. Sets code, 000 where there is
# no answer; the body is in $work/body, the head in $work/head.
request() {
  local method=(-X "$1") path=$2
  shift 2
  if [[ ${method[1]} = HEAD ]]; then method=(-I); fi
  : >"$work/body"
  : >"$work/head"
  code=$(curl -q -s -g --noproxy '*' --connect-timeout 8 --max-time 60 --max-filesize 8192 "${method[@]}" \
    -H 'Tus-Resumable: 1.0.0' -H 'Expect:' -o "$work/body" -D "$work/head" -w '%{http_code}' \
    "$@" "$base$path" </dev/null) || true
  [[ $code =~ ^[0-9]{3}$ ]] || code=000
}

# The answer's header $1.
header() {
  local line found=''
  shopt -s nocasematch
  while IFS= read -r line; do
    if [[ $line == "$1:"* ]]; then found=${line#*:}; fi
  done < <(LC_ALL=C tr -d '\r\0' <"$work/head")
  shopt -u nocasematch
  printf '%s\n' "${found# }"
}

# What the camera says is wrong, in its own words.
words() {
  facts=''
  if read_json "$(tr -d '\0' <"$work/body")" && [[ -n $(fact error) ]]; then
    fact error
  else
    echo "it answers with code $code"
  fi
}

# Sets base, and what the camera is before anything changes.
find_camera() {
  local each seen=''
  while read -r each; do
    base=$each
    request GET /api/update
    if [[ $code = 200 ]] && learn; then
      old_version=$version old_slot=$slot old_last=$last
      return
    fi
    if [[ $code != 000 ]]; then seen="answers at $base, but knows no updates over the network (code $code)"; fi
  done < <(addresses_of "$host")
  complain "${seen:-is not reached: is it switched on, and in this network?}"
  return 3
}

# Asks how things are; fails if there is no answer.
ask() {
  request GET /api/update --max-time 10
  [[ $code = 200 ]] && learn
}

learn() {
  read_json "$(tr -d '\0' <"$work/body")" || return 1
  version=$(fact version) slot=$(fact slot) state=$(fact state)
  last_result=$(fact last.result) last_reason=$(fact last.reason)
  last=$(fact last.at)/$last_result/$(fact last.version)/$last_reason
  [[ -n $version && -n $state ]]
}

# The text $1, as lines "path=value" in $facts; members of a list repeat its path.
# Nothing that could steer a terminal gets through.
TOKEN='^[[:space:]]*("([^"\\]|\\.)*"|[][{},]|true|false|null|-?[0-9][0-9.eE+-]*)'
KEY='^[[:space:]]*:'
read_json() {
  local rest=$1 token stack='' where='' key='' left=400
  facts=''
  while ((left--)) && [[ $rest =~ $TOKEN ]]; do
    token=${BASH_REMATCH[1]} rest=${rest:${#BASH_REMATCH[0]}}
    case $token in
      '{') stack="$where|$key $stack" where=$where${key:+$key.} key='' ;;
      '[') stack="$where|$key $stack" ;;
      '}' | ']') [[ -n $stack ]] || return 1; key=${stack%% *} where=${key%%|*} key=${key#*|} stack=${stack#* } ;;
      ,) ;;
      null) facts+="$where$key="$'\n' ;;
      *)
        if [[ $token = '"'* ]]; then unescape; fi
        if [[ $rest =~ $KEY ]]; then key=${token//[ |]/_} rest=${rest#*:}; else facts+="$where$key=$token"$'\n'; fi
        ;;
    esac
  done
  [[ -z $stack && -n $facts && ! $rest =~ [^[:space:]] ]]
}

unescape() {
  token=${token#?} token=${token%?}
  token=${token//\\\\/\\x5c} token=${token//\\\//\/} token=${token//\\\"/\"}
  printf -v token %b "$token"
  token=${token//[[:cntrl:]]/ }
}

# The first value at path $1, or all of them with a comma between.
fact() {
  local line found=''
  while IFS= read -r line; do
    if [[ $line == "$1="* ]]; then found+=${found:+, }${line#*=}; fi
  done <<<"$facts"
  printf '%s\n' "$found"
}

# Sets session: where the bytes go.
announce() {
  request POST /api/update -H "Upload-Length: $size" -H 'Content-Length: 0'
  [[ $code = 201 ]] || { refused; return; }
  session=$(header location)
  session=${session#"$base"}
  [[ $session =~ ^/api/update/[A-Za-z0-9_-]+$ ]] || { session=''; complain "gives no place to send the bundle to"; return 4; }
}

# In pieces; a broken connection is taken up where the camera says that it has got to.
upload() {
  local offset=0 end=$((SECONDS + UPLOAD_LIMIT)) told=''
  bar 0
  while ((offset < size)); do
    send_piece "$offset"
    case $code in
      204) took=$(header upload-offset) ;;
      000 | 5?? | 409 | 404 | 408 | 460) took=$(offset_there) || { gone; return; } ;;
      410) gone; return ;;
      *) refused_upload; return ;;
    esac
    if [[ $took =~ ^[0-9]{1,12}$ ]] && ((took > offset && took <= size)); then
      offset=$took end=$((SECONDS + UPLOAD_LIMIT)) told=''
      bar "$offset"
      continue
    fi
    if [[ $took =~ ^[0-9]{1,12}$ ]] && ((took < offset)); then offset=$took; fi
    if ((SECONDS >= end)); then gave_up; return; fi
    if [[ -z $told ]]; then bar_end; say "the connection is broken; trying again"; told=1; fi
    sleep 1
  done
  session=''
  bar_end
}

send_piece() {
  tail -c "+$(($1 + 1))" "$bundle" 2>/dev/null | head -c $PIECE >"$work/piece" || true
  request PATCH "$session" -H "Upload-Offset: $1" -H 'Content-Type: application/offset+octet-stream' \
    --data-binary "@$work/piece"
}

# Fails if the camera knows nothing of the upload any more; empty if it does not answer.
offset_there() {
  request HEAD "$session"
  case $code in
    404 | 410) return 1 ;;
    200 | 204) header upload-offset ;;
  esac
}

refused_upload() {
  session=''
  bar_end
  refused
}

# Ended by the camera: refused while the answer was on its way, or given up; or all is there.
gone() {
  session=''
  bar_end
  if ask; then
    case $state in installing | restarting | trial) return 0 ;; esac
    if [[ $last != "$old_last" && -n $last_reason ]]; then complain "refused: $last_reason"; return 4; fi
  fi
  complain "has given up the upload"
  return 5
}

gave_up() {
  bar_end
  complain "the connection is broken for $UPLOAD_LIMIT s: given up"
  return 5
}
