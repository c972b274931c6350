"""Real nginx, real HAProxy and real Redis, one process a test, on ports of their own."""
import signal
import subprocess

import redis

from .ports import is_listening
from .process import Process, wait_for

NGINX = """
daemon off;
master_process off;
user root;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
worker_rlimit_nofile 4096;
events {{ worker_connections 3000; }}
http {{
    access_log {dir}/access.log;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    client_max_body_size 0;
    keepalive_requests 1000000;
    {http}
    server {{
        listen 127.0.0.1:{port} {listen};
        {server}
    }}
}}
"""


NGINX_STREAM = """
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
master_process off;
user root;
pid {dir}/nginx.pid;
error_log {dir}/error.log info;
events {{ worker_connections 1024; }}
stream {{ server {{ listen 127.0.0.1:{port}; {stream} }} }}
"""


class Nginx:
    """server: what stands in the server block. listen: words after the address, e.g. "ssl". stream: instead of all that, what
    stands in the server block of one that passes connections through."""

    def __init__(self, folder, port, server="location / { return 200 ok; }", listen="", http="", stream=None):
        self.folder, self.port = folder, port
        folder.mkdir(parents=True, exist_ok=True)
        conf = folder / "nginx.conf"
        conf.write_text(NGINX_STREAM.format(dir=folder, port=port, stream=stream) if stream else
                        NGINX.format(dir=folder, port=port, server=server, listen=listen, http=http))
        self.argv = ["nginx", "-p", folder, "-e", folder / "error.log", "-c", conf]
        self.process = None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.process = Process(self.argv, self.folder, self.folder / "output")
        wait_for(lambda: is_listening(self.port) or not self.process.running(), what="nginx")
        assert self.process.running(), self.process.output() + (self.folder / "error.log").read_text()

    def stop(self):
        self.process.kill()


HAPROXY = """
global
    maxconn 1000
    nbthread 1
defaults
    mode {mode}
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    {defaults}
{sections}
"""


class HAProxy:
    """sections: text with what comes behind `defaults`, in which {port} is a port to listen on."""

    def __init__(self, folder, port, sections, mode="tcp", defaults=""):
        self.folder, self.port = folder, port
        folder.mkdir(parents=True, exist_ok=True)
        conf = folder / "haproxy.cfg"
        conf.write_text(HAPROXY.format(mode=mode, defaults=defaults, sections=sections.replace("{port}", str(port))))
        self.process = Process(["haproxy", "-db", "-f", conf], folder, folder / "output")
        wait_for(lambda: is_listening(port) or not self.process.running(), what="haproxy")
        assert self.process.running(), self.process.output()

    def stop(self):
        self.process.kill()


class Redis:
    """args: more options of redis-server, e.g. "--requirepass", "secret"."""

    def __init__(self, folder, port, args=()):
        self.folder, self.port, self.args = folder, port, [str(a) for a in args]
        folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.password = self.args[self.args.index("--requirepass") + 1] if "--requirepass" in self.args else None
        self.start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"redis://{self.address}/0"

    @property
    def client(self):
        return redis.Redis(port=self.port, password=self.password, socket_timeout=5, decode_responses=True)

    def start(self):
        argv = ["redis-server", "--bind", "127.0.0.1", "--port", self.port, "--save", "", "--appendonly", "no",
                "--dir", self.folder, "--daemonize", "no", *self.args]
        self.process = Process(argv, self.folder, self.folder / "output")
        wait_for(lambda: is_listening(self.port) or not self.process.running(), what="redis-server")
        assert self.process.running(), self.process.output()

    def stop(self):
        if self.process.running():
            self.process.signal(signal.SIGCONT)
        self.process.kill()

    def pause(self):
        """The server stands still with its sockets open: commands are neither answered nor refused."""
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        self.process.signal(signal.SIGCONT)

    def commands(self, name):
        """How often the server has run a command."""
        stats = self.client.info("commandstats").get(f"cmdstat_{name.lower()}")
        return stats["calls"] if stats else 0


def openssl(*args, stdin=b""):
    r = subprocess.run(["openssl", *map(str, args)], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return r.returncode, r.stdout.decode(errors="replace")


class Dnsmasq:
    """A name server that knows what it is told alone. hosts: {name: [addresses]}, of TTL `ttl`; options: more lines of dnsmasq.conf,
    e.g. "srv-host=_http._tcp.app.test,app.test,8080"."""

    def __init__(self, folder, port, hosts=None, options=(), ttl=0):
        self.folder, self.port, self.ttl = folder, port, ttl
        folder.mkdir(parents=True, exist_ok=True)
        self.process = None
        self.write_hosts(hosts or {})
        self.start(options)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def write_hosts(self, hosts):
        lines = [f"{address} {name}" for name, addresses in hosts.items() for address in addresses]
        (self.folder / "hosts").write_text("\n".join(lines) + "\n")

    def set(self, hosts):
        """These names instead, without a restart."""
        self.write_hosts(hosts)
        self.process.signal(signal.SIGHUP)

    def start(self, options=()):
        conf = self.folder / "dnsmasq.conf"
        conf.write_text("\n".join([
            f"port={self.port}", "listen-address=127.0.0.1", "bind-interfaces", "no-resolv", "no-hosts", "user=root", "local=/test/",
            f"addn-hosts={self.folder / 'hosts'}", f"local-ttl={self.ttl}", "log-queries", "log-facility=-", "pid-file=", *options]) + "\n")
        self.process = Process(["dnsmasq", "--keep-in-foreground", "-C", conf], self.folder, self.folder / "output")
        wait_for(lambda: is_listening(self.port) or not self.process.running(), what="dnsmasq")
        assert self.process.running(), self.process.output()

    def queries(self, name):
        """How often that name was asked for, over UDP and TCP."""
        return self.process.output().count(f"] {name} from ")

    def stop(self):
        if self.process.running():
            self.process.signal(signal.SIGCONT)
        self.process.kill()

    def pause(self):
        """Questions arrive, and nothing is answered."""
        self.process.signal(signal.SIGSTOP)

    def resume(self):
        self.process.signal(signal.SIGCONT)
