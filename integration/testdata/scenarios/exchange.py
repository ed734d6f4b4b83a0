"""A server and a client on the loopback device, in two processes."""
import http.client
import http.server
import os
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    wbufsize = -1  # an answer is sent at once, so that how often the client reads is no matter of chance

    def do_GET(self):
        body = b"x" * 5000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"


server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
child = os.fork()
if child == 0:
    for _ in range(20):
        server.handle_request()
    os._exit(0)
port = server.server_address[1]
server.server_close()
total = 0
for _ in range(20):
    c = http.client.HTTPConnection("127.0.0.1", port)
    c.request("GET", "/file")
    total += len(c.getresponse().read())
    c.close()
os.waitpid(child, 0)
print(total)
sys.exit(0 if total == 100000 else 1)
