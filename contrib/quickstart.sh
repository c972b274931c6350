#!/bin/sh
# quickstart.sh [--once] [FOLDER [CONFIGURE-OPTION...]]: from a fresh checkout to a running gateway, and requests that show what it does.
# It keeps running afterwards; --once stops it. FOLDER is where it is built, ./build unless told.
. "$(dirname -- "$0")/common.sh"

once=
case ${1-} in
--once) once=1 && shift ;;
-*) die "usage: $0 [--once] [FOLDER [CONFIGURE-OPTION...]]" ;;
esac
folder=${1:-build}
[ $# = 0 ] || shift

cd "$root"
# shellcheck disable=SC2086
need $build_packages curl
say "building in $folder"
build "$folder" "$@"
sluice=$folder/gateway/app/sluice
log=$folder/quickstart.log
listener=http://127.0.0.1:8080

if curl -s -o /dev/null "$listener/"; then
	die "something answers at $listener already (an earlier quickstart? kill \$(cat $folder/quickstart.pid))"
fi

say "starting: $sluice run -c conf/quickstart.yaml"
nohup "$sluice" run -c conf/quickstart.yaml --plugin-dir "$folder/plugins/modules" >"$log" 2>&1 </dev/null &
pid=$!
echo "$pid" >"$folder/quickstart.pid"
stop() { kill "$pid" 2>/dev/null && wait "$pid" || true; }

tries=0
until curl -s -o /dev/null "$listener/hello"; do
	kill -0 "$pid" 2>/dev/null || { cat "$log" >&2; die "the gateway did not start"; }
	tries=$((tries + 1))
	[ "$tries" -lt 100 ] || { stop; cat "$log" >&2; die "the gateway does not answer"; }
	sleep 0.1
done

mint() { "$sluice" token mint --key conf/demo/key.pem --sub alice "$@"; }
TOKEN=$(mint --scope orders:read)
WEAK=$(mint --scope profile:read)

passed=0 failed=0
# call STATUS WHAT CURL-ARGUMENT...: show the command and what came back. Tokens are shown by name.
call() {
	want=$1 what=$2
	shift 2
	say "$what"
	printf '$ curl -i'
	for arg; do
		case $arg in
		*"$TOKEN"*) printf ' "Authorization: Bearer $TOKEN"' ;;
		*"$WEAK"*) printf ' "Authorization: Bearer $WEAK"' ;;
		*) printf ' %s' "$arg" ;;
		esac
	done
	printf '\n'
	answer=$(curl -s -i --max-time 10 "$@" | tr -d '\r')
	printf '%s\n' "$answer"
	got=$(printf '%s\n' "$answer" | sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p')
	if [ "$got" = "$want" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf '!!! expected %s\n' "$want"
	fi
}

call 200 "a route that anyone may use" "$listener/hello"
call 401 "a route that wants a token, without one" "$listener/api/orders/1"
call 403 "with a token that lacks the scope orders:read" -H "Authorization: Bearer $WEAK" "$listener/api/orders/1"
call 200 "with a token that has it" -H "Authorization: Bearer $TOKEN" "$listener/api/orders/1"

n=0
while [ "$n" -lt 5 ]; do
	curl -s -o /dev/null -H "Authorization: Bearer $TOKEN" "$listener/api/limited"
	n=$((n + 1))
done
call 429 "a route limited to 5 requests a minute, at the sixth" -H "Authorization: Bearer $TOKEN" "$listener/api/limited"

say "$passed of $((passed + failed)) answers as expected"
if [ -n "$once" ]; then
	stop
	echo "the gateway has stopped; its log is in $log"
else
	echo "The gateway runs on $listener, its admin pages on http://127.0.0.1:9180, its log is $log."
	echo "Reload it after a change of conf/quickstart.yaml:  kill -HUP \$(cat $folder/quickstart.pid)"
	echo "Stop it:  kill \$(cat $folder/quickstart.pid)"
fi
[ "$failed" = 0 ]
