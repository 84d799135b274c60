#!/bin/sh
# Exchanges the daemon of this node for one of the other kind, and waits until it works and knows what its peer has. What the
# kernel tracks stays as it is: no connection depends on the daemon, unless the other node fails meanwhile.
#
#   replace-node.sh ours [-C FILE]    # C's conntrackd for conntrackd-ts
#   replace-node.sh c [-C FILE]       # and back
#
# If the new daemon does not start, the old one is started again. A daemon that systemd runs, of the unit conntrackd.service or
# conntrackd-ts.service, is replaced by the other unit (without -C alone); else the script asks the daemon of the configuration FILE to end (-k), and starts the other with
# -d. In the environment: CONNTRACKD and CONNTRACKD_TS, the programs. Exit code 0: done; 1: not done, or not in sync yet; why is
# on standard error.
set -u

c_program=${CONNTRACKD:-/usr/sbin/conntrackd}
our_program=${CONNTRACKD_TS:-conntrackd-ts}
configuration=/etc/conntrackd/conntrackd.conf
patience=30
has_units=

fail() {
  printf 'replace-node: %s\n' "$1" >&2
  exit 1
}

wanted=${1-}
case $wanted in
  ours) other=c ;;
  c) other=ours ;;
  *) fail "found \`$wanted', expected \`ours' or \`c'" ;;
esac
case $# in
  1) ;;
  3) [ "$2" = -C ] || fail "found \`$2', expected -C FILE" && configuration=$3 ;;
  *) fail 'expected: replace-node.sh ours|c [-C FILE]' ;;
esac

program_of() {
  if [ "$1" = ours ]; then printf '%s' "$our_program"; else printf '%s' "$c_program"; fi
}

unit_of() {
  if [ "$1" = ours ]; then echo conntrackd-ts.service; else echo conntrackd.service; fi
}

# Either client asks either daemon; C's starts sooner.
ask() {
  if command -v "$c_program" >/dev/null; then
    "$c_program" -C "$configuration" "$@"
  else
    "$our_program" -C "$configuration" "$@"
  fi
}

answers() {
  ask -s >/dev/null 2>&1
}

# Tries a command twice a second until it succeeds, and no longer than some seconds.
within() {
  tries=$(($1 * 2))
  shift
  until "$@"; do
    tries=$((tries - 1))
    [ "$tries" -gt 0 ] || return 1
    sleep 0.5
  done
}

is_gone() {
  ! answers
}

stop() {
  if [ -n "$has_units" ]; then
    systemctl stop "$(unit_of "$1")"
  else
    ask -k
    within "$patience" is_gone
  fi
}

start() {
  if [ -n "$has_units" ]; then
    systemctl start "$(unit_of "$1")"
  else
    # The daemon that ended may hold the port of the link a moment longer than it answers.
    within 2 "$(program_of "$1")" -C "$configuration" -d
  fi && within "$patience" answers
}

command -v "$(program_of "$wanted")" >/dev/null || fail "$(program_of "$wanted") is not installed"
# Our client reads the configuration before it asks, so a mistake in it shows before anything is stopped. C's daemon answers
# nothing where JSON is wanted.
if answer=$("$our_program" -C "$configuration" -s --json 2>&1); then
  case $answer in
    *'{"'*) before=ours ;;
    *) before=c ;;
  esac
else
  fail "no daemon answers: $answer"
fi

if [ $# -eq 1 ] && [ -d /run/systemd/system ] && systemctl --quiet is-active "$(unit_of "$before")"; then
  has_units=yes
fi

case $before in
  "$wanted") printf 'replace-node: the daemon is the one that is wanted already\n' ;;
  *)
    stop "$other" || fail "the daemon does not end: nothing was changed"
    if ! start "$wanted"; then
      start "$other" || fail "neither daemon starts: see their logs"
      fail "$(program_of "$wanted") does not start, see its log: the previous daemon runs again"
    fi
    ;;
esac

# Whichever role the node has: the peer is sent everything, and asked for everything.
ask -B
ask -n

# Only ours knows, and not in every mode.
has_flows_of_peer() {
  [ "$wanted" = ours ] || return 0
  state=$("$our_program" -C "$configuration" -s --in-sync 2>&1) && return 0
  case $state in
    *'does not know what it lacks'*) return 0 ;;
    *) return 1 ;;
  esac
}

if ! within "$patience" has_flows_of_peer; then
  fail "the daemon runs, but: $state"
fi
printf 'replace-node: %s runs\n' "$(program_of "$wanted")"
ask -s
