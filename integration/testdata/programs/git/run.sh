. ./env
git clone -q source copy
cd copy
git status --short --branch && git log --oneline | wc -l
git checkout -q topic && ls && git checkout -q main && ls
git merge -q -m merged topic && git log --oneline --graph -n 4
echo more >>f/sub/file2 && echo new >new && git add new && git status --short
git stash -q && git status --short && git stash pop -q && git commit -qam both && git show --stat --format=%s
git rebase -q --onto topic HEAD~1 && git log --format=%s -n 2
git worktree add -q ../tree v1 && (cd ../tree && git status --short && ls a/sub)
git submodule --quiet add ../source inner && git commit -qm inner && git submodule status | cut -c 43-
git mv program renamed && chmod -x renamed && git diff --summary HEAD
git reset -q --hard && git clean -qfdx && git grep -c 104730 | sort | head -n 3
git archive --format=tar v1 | sha256sum
git bundle create -q ../all.bundle --all && git clone -q ../all.bundle ../bundled && git -C ../bundled rev-parse HEAD
git repack -qad && git gc --quiet --prune=now && git fsck --full --strict 2>&1 && git count-objects
touch .git/index.lock && { git add . 2>&1 || echo "locked: $?"; } && rm .git/index.lock
git clone -q --bare --shared ../source ../bare && git push -q ../bare HEAD:refs/heads/pushed && git -C ../bare branch
git clone -q none ../none || echo "none: $?"
