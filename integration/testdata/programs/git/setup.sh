. "$(dirname "$0")/../tree.sh"
cat >env <<'ENV'
export GIT_AUTHOR_NAME=n GIT_AUTHOR_EMAIL=e@example.org GIT_COMMITTER_NAME=n GIT_COMMITTER_EMAIL=e@example.org
export GIT_AUTHOR_DATE='1600000000 +0000' GIT_COMMITTER_DATE='1600000000 +0000' GIT_PAGER=cat GIT_EDITOR=true GIT_TERMINAL_PROMPT=0
ENV
. ./env
# One thread, so that packs come out the same.
git config --global pack.threads 1 && git config --global index.threads 1 && git config --global gc.auto 0
git config --global advice.detachedHead false && git config --global protocol.file.allow always
git init -q -b main source
cd source
for dir in a b c d e f; do
	mkdir -p "$dir/sub"
	for i in 1 2 3 4 5 6 7 8; do text $((i * 9)) "$i" >"$dir/sub/file$i"; done
done
ln -s a/sub/file1 link
printf '#!/bin/sh\necho hello\n' >program && chmod 755 program
git add . && git commit -qm one
for i in $(seq 12); do
	text 5 "$i" >>"a/sub/file$((i % 8 + 1))"
	git commit -qam "change $i"
done
git tag -a v1 -m v1
git checkout -qb topic HEAD~5 && git mv b moved && git rm -q c/sub/file1 && git commit -qm topic
git checkout -q main
