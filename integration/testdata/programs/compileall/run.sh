python=/usr/bin/python3
$python -m compileall lib || echo "broken: $?"
rm lib/*/inner/broken.py
$python -m compileall -q lib && find lib -name '*.pyc' | sort | head -n 4
$python -m compileall -f -q -j 2 -o 1 lib && find lib -name '*.opt-1.pyc' | wc -l
$python -m compileall --invalidation-mode checked-hash -f -q lib/two
echo 'extra = 1' >>lib/one/m3.py && touch -d 2013-11-11Z lib/one/m3.py && $python -m compileall lib/one
(cd lib && $python -c 'import one, two.m4, three.m5 as m; print(one.m1.__cached__, two.m4.names("one"), m.Value5().total(m.Value5(3)))')
$python - <<'SCRIPT'
import os, shutil, tempfile, zipfile, pathlib, glob, mmap
shutil.copytree("lib/one", "copy", symlinks=True)
with tempfile.TemporaryDirectory(dir=".") as d:
    pathlib.Path(d, "x").write_text("x")
with tempfile.TemporaryFile(dir=".") as f:
    f.write(b"unnamed"); f.seek(0); print(f.read())
with tempfile.NamedTemporaryFile(dir=".") as f:
    print(os.stat(f.name).st_mode & 0o777 == 0o600)
with zipfile.ZipFile("copy.zip", "w") as z:
    for name in sorted(glob.glob("copy/*.py")):
        z.writestr(zipfile.ZipInfo(name), pathlib.Path(name).read_bytes())
fd = os.open("copy", os.O_RDONLY | os.O_DIRECTORY)
with os.fdopen(os.open("made", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o640, dir_fd=fd), "w+b") as f:
    f.truncate(8192)
    with mmap.mmap(f.fileno(), 8192) as m:
        m[4096:4100] = b"page"
os.rename("made", "renamed", src_dir_fd=fd, dst_dir_fd=fd)
os.utime("renamed", ns=(10**18 + 1, 10**18 + 2), dir_fd=fd)
os.symlink("renamed", "link", dir_fd=fd)
os.chmod("renamed", 0o604, dir_fd=fd)
print(sorted(e.name for e in os.scandir(fd))[-3:], os.readlink("link", dir_fd=fd), os.access("renamed", os.W_OK, dir_fd=fd))
os.fchdir(fd); print(os.path.basename(os.getcwd())); os.chdir("..")
for call in (lambda: os.rmdir("copy"), lambda: os.mkdir("copy"), lambda: os.open("copy", os.O_WRONLY), lambda: os.unlink("lib"),
             lambda: os.rename("copy", "copy/below"), lambda: os.open("copy.zip/x", os.O_RDONLY), lambda: os.stat("n" * 256),
             lambda: os.link("copy", "other"), lambda: os.truncate("copy", 0), lambda: os.readlink("copy"),
             lambda: os.open("copy.zip", os.O_RDONLY | os.O_DIRECTORY), lambda: os.open("copy/link", os.O_RDONLY | os.O_NOFOLLOW)):
    try:
        print("no error", call())
    except OSError as e:
        print(e)
SCRIPT
