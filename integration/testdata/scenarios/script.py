"""Files, directories, processes, times and sockets by the standard library."""
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

signal.signal(signal.SIGUSR1, lambda *_: None)
os.kill(os.getpid(), signal.SIGUSR1)

with tempfile.TemporaryDirectory(prefix="stead") as d:
    path = os.path.join(d, "data.json")
    with open(path, "w") as f:
        json.dump({"n": list(range(100))}, f)
    os.chmod(path, 0o640)
    os.rename(path, path + ".old")
    os.truncate(path + ".old", 100)
    os.symlink("data.json.old", path)
    os.utime(path, (1, 2))
    print(sorted(os.listdir(d)), os.stat(path).st_size, os.readlink(path))
    with open(path, "rb") as f:
        print(hashlib.sha256(f.read()).hexdigest())

a, b = socket.socketpair()
a.send(b"hello")
print(select.select([b], [], [], 1)[0] == [b], b.recv(10))
p = select.poll()
p.register(a, select.POLLIN)
print(p.poll(10))
a.close()
b.close()

print(subprocess.run(["/bin/echo", "from a child"], capture_output=True).stdout)
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
time.sleep(0.01)
print(os.uname().sysname, os.getcwd() != "", sys.platform)
