# Process substitution, in both directions, and /dev/fd.
diff <(sort -n input) <(sort -n -r input | tac) && echo the same
tee >(wc -l >count) >(sort -n | head -n 1 >least) <input >/dev/null
until [ -s count ] && [ -s least ]; do sleep 0.01; done
cat count least
exec 5<input && head -n 1 /dev/fd/5 && head -n 1 <&5 && cat /proc/self/fd/5 | wc -l && exec 5<&-
echo through | cat /dev/stdin && echo out >/dev/stdout && { echo err >/dev/stderr; } 2>&1
printf 'a\nb\n' | while read -r x; do echo "$x" | cat - /dev/fd/0 </dev/null; done
readlink /proc/self/fd/0 | sed 's/[0-9][0-9]*/N/' && [ -e /proc/$$/exe ] && [ "$(readlink /proc/$BASHPID/cwd)" = "$PWD" ] && echo own process
[ "$(readlink /proc/self)" != "$$" ] && (exec sh -c '[ "$(cat /proc/self/comm)" = cat ] && echo own name')

# Here documents and strings, small and larger than a pipe.
cat <<HERE
$(cat <<<"a string") and $((6 * 7))
HERE
big=$(head -c 200000 /dev/zero | tr '\0' x) && wc -c <<<"$big" && wc -c < <(printf %s "$big")

# Redirections.
set -o noclobber
echo one >file && { (echo two >file) 2>/dev/null || echo kept; } && echo three >|file && cat file
echo null >/dev/null && ln -s file link && { (echo through >link) 2>/dev/null || echo link kept; }
set +o noclobber
echo four >>file && cat <>file && exec 6<>both && echo both >&6 && exec 6>&- && cat both
{ echo out; echo err >&2; } >separate 2>separate2 && cat separate separate2 && { echo out; ls none; } &>together || cat together
(umask 077 && >private && umask 0 && >public && mkdir open) && stat -c '%n %a' private public open
cat <none || echo "none: $?"
cat / 2>&1 || echo "directory: $?"
echo x >/ || echo "directory: $?"
./input || echo "not executable: $?"
no-such-command || echo "not found: $?"

# Pipes by name, with both ends waiting for the other.
mkfifo pipe
(sleep 0.05; echo one at last >pipe) & cat pipe; wait
cat pipe >received & for i in 1 2 3; do echo "$i"; done >pipe; wait; cat received
read -r -t 0.05 x <>pipe || echo "nothing came: $(($? > 128))"
(exec 7<pipe; cat <&7 >copied) & exec 8>pipe; seq 20000 >&8; exec 8>&-; wait; tail -n 1 copied

# Jobs, traps, exit statuses.
# A signal between bash's fork and exec may be lost; from a job that has begun it cannot.
sh -c '>begun; exec sleep 100' & until [ -e begun ]; do sleep 0.01; done; kill $!; wait $!; echo "killed: $?"; wait; jobs
for i in 1 2 3 4 5 6 7 8; do (cat input | sort -n | uniq | wc -l >"job$i") & done; wait; cat job? | sort -u
trap 'echo trapped' USR1 && (kill -USR1 $$) && : && trap - USR1
(trap 'echo leaving; exit 7' TERM; (sleep 0.05; kill -TERM "$BASHPID") & kill -TERM "$BASHPID"; sleep 5) || echo "left: $?"
timeout 0.5 cat pipe; echo "waited in an open: $?"
timeout -s INT 0.5 sh -c 'trap "echo interrupted; exit 9" INT; echo >pipe'; echo "interrupted: $?"
yes | head -n 1; echo "${PIPESTATUS[*]}"
coproc upper { tr a-z A-Z; } && echo coprocess >&"${upper[1]}" && eval "exec ${upper[1]}>&-" && cat <&"${upper[0]}"; wait
(ulimit -n 12; exec 3<input 4<input 5<input 6<input 7<input 8<input 9<input; for f in 1 2 3 4; do eval "exec {x$f}<input" || break; done) 2>&1 | tail -n 1 | sed 's/.*: //'
(ulimit -f 1; head -c 100000 /dev/zero >limited) 2>/dev/null; echo "too large: $?"; stat -c %s limited
shopt -s globstar nullglob dotglob && mkdir -p g/{a,b}/.c && >g/a/.c/file && echo g/** none*
cd g/a/.c && cd ../.. && pwd | sed 's/.*work/work/' && cd - | sed 's/.*work/work/' && cd -P /proc/self && [ "$PWD" = "/proc/$$" ] && cd ~ && pushd g >/dev/null && dirs | sed 's/.*work/work/'
[[ ~/input -nt ~/pipe || -r ~/input && ! -x ~/input && -p ~/pipe && ~/input -ef ~/g/../input ]] && echo tests
. <(echo 'echo sourced from a pipe') && bash -c 'echo $0 $#' name 1 2 3 && exec bash -c 'exit 5'
