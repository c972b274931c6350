"""The pages of docs/howto, run as they stand: every block of a page in its order, against a real gateway.

A block is fenced, and its first word says what is done with it:
  yaml      a configuration. It is checked without a warning, and started. The first of a page, and one that is `yaml alone`, is whole;
            others are laid over the last whole one: maps are merged, members of lists take the place of those of the same name.
  console   commands behind `$ `, and the output that they must have. A line `...` stands for any lines. `console both` runs them
            also at the program of which the page shows a configuration.
  sh        commands that must succeed; `sh file=PATH` is a script that is put there.
  nginx, haproxy      a configuration of theirs, started as it stands.
  traefik             one of Traefik's, which must be YAML: there is no Traefik here to start.
Addresses, and paths below /etc, stand for those of the test; Stand-ins are the services and programs that a page expects.
"""
import difflib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import redis
import yaml

from .gateway import ROOT, YAML, Gateway, find_program
from .ports import free_port
from .process import wait_for

PAGES = ROOT / "docs/howto"
FENCE = re.compile(r"^```(\S*)(?: (\S+))?\n(.*?)^```$", re.M | re.S)
KNOWN = {"yaml", "console", "sh", "nginx", "haproxy", "traefik"}
VARYING = [(re.compile(p, re.I | re.M), r"\1*") for p in (
    r"^(date: ).*", r"^(x-request-id: ).*", r'("request_id":")[0-9a-f]+', r"(\bid )[0-9a-f]{32}", r'("time":")[^"]+', r"(; ?t(?:tl)?=)\d+", r"^(retry-after: )\d\d$", r"(Try again in )\d\d")]


UNUSED = re.compile(r"uses the (?:plugin instance|chain)|leads to (?:the )?upstream")


class Block:
    def __init__(self, kind, word, text, line):
        self.kind, self.word, self.text, self.line = kind, word, text, line


def blocks(page):
    text = (PAGES / page).read_text()
    return [Block(m[1], m[2], m[3], text.count("\n", 0, m.start()) + 1) for m in FENCE.finditer(text)]


def modules():
    """Plugins of the build, and those of which the tree has the source."""
    return ({p.stem for p in Path(find_program()[1]).glob("*.so")} | {"any-of", "all-of"},
            {p.name for p in (ROOT / "plugins").iterdir()})


def lacking(page):
    """Plugins that the page uses, and that neither the build nor the tree has: they are still to come."""
    built, source = modules()
    return {name for b in blocks(page) if b.kind == "yaml" for name in re.findall(r"\buse: ([\w-]+)", b.text)} - built - source


def lay_over(base, more):
    """A fragment over a whole configuration."""
    if isinstance(base, dict) and isinstance(more, dict):
        return {**base, **{k: lay_over(base[k], v) if k in base else v for k, v in more.items()}}
    if isinstance(base, list) and isinstance(more, list) and all(isinstance(m, dict) and "name" in m for m in more):
        names = {m["name"]: m for m in more}
        return [names.pop(m.get("name"), m) for m in base] + list(names.values())
    return more


def plain(output):
    """Without what differs from one run to the next, and blanks at the ends of lines."""
    output = re.sub(r" +$", "", output, flags=re.M)
    for pattern, by in VARYING:
        output = pattern.sub(by, output)
    return output


def same(shown, said):
    """Whether the output is that which the page shows, in which a line `...` is any lines."""
    parts = [re.escape(p) for p in re.split(r"^\.\.\.\n", plain(shown), flags=re.M)]
    return re.fullmatch(r"(?:.*\n)*?".join(parts), plain(said if said.endswith("\n") or not said else said + "\n"))


def commands(text):
    """(command, output) of a block of `console`."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:] + "\n", ""])
        elif found and not found[-1][1] and found[-1][0].endswith("\\\n"):
            found[-1][0] += line.removeprefix("> ") + "\n"
        else:
            assert found, f"output without a command: {line}"
            found[-1][1] += line + "\n"
    return found


class Runner:
    """One page. service(address) starts a stand-in for the service of that address and returns its port; peers are makers of
    other programs by the word of their block; env: variables of the commands; urls: addresses of the page that are served elsewhere."""

    def __init__(self, page, folder, service, peers, env, urls):
        self.page, self.folder, self.service, self.peers, self.urls = page, folder, service, peers, urls
        self.base, self.gateway, self.peer = None, None, None
        self.ports, self.servers = {}, {}               # of listeners and of services, by the address in the page
        self.etc = folder / "etc"
        self.env = {**os.environ, **env, "LC_ALL": "C", "CURL_HOME": str(folder), "PATH": f"{folder}/bin:{os.environ['PATH']}",
                    "HOWTO_ETC": str(self.etc)}
        self.env.pop("BASH_ENV", None)
        self._programs(ROOT / "tests/scenario/docs/certbot.py")

    def _programs(self, certbot):
        """sluice with the modules of the build; and what a page has done that a test cannot do."""
        program, plugins = find_program()
        (self.folder / "bin").mkdir()
        for name, text in {
                "sluice": f'case "$1 $2" in "token verify") ;; "token "*|reload*|status*|reopen*) exec {program} "$@";; esac\nexec {program} "$@" --plugin-dir {plugins}',
                "certbot": f'exec {sys.executable} {certbot} "$@"',
                "htpasswd": f'[ "$1" != -cB ] || : >"$2"\ngrep "^$3:" {ROOT}/conf/demo/users.htpasswd >>"$2"',
                # nobody is called sluice here
                "chown": "exit 0",
                "install": 'for a; do shift; case $a in --owner=*|--group=*) ;; *) set -- "$@" "$a";; esac; done\nexec /usr/bin/install "$@"',
        }.items():
            path = self.folder / "bin" / name
            path.write_text(f"#!/bin/sh\n{text}\n")
            path.chmod(0o755)

    # ---- what stands for what ----

    def here(self, text, ports=True):
        """The text of a page, for this machine."""
        for shown, real in (("/etc/sluice", self.etc), ("/etc/letsencrypt", self.folder / "letsencrypt"),
                            ("/etc/haproxy", self.folder / "haproxy"), ("/usr/local/sbin", self.folder / "sbin"), ("/run/sluice", self.folder / "run")):
            text = text.replace(shown, str(real))
        if ports:
            for shown, real in self.urls.items():
                text = text.replace(shown, real)
            known = {**self.ports, **self.servers}
            text = re.sub("|".join(rf"(?<![\w.]){re.escape(a)}(?!\d)" for a in known) or "$^", lambda m: f"127.0.0.1:{known[m[0]]}", text)
        return text

    def there(self, text):
        """Output of this machine, as the page shows it."""
        for shown, port in {**self.ports, **self.servers}.items():
            text = text.replace(f"127.0.0.1:{port}", shown)
        for real, shown in ((str(self.etc / "shown.yaml"), "/etc/sluice/sluice.yaml"), (str(self.etc), "/etc/sluice"),
                            (str(self.folder / "letsencrypt"), "/etc/letsencrypt"), (str(self.folder / "run"), "/run/sluice")):
            text = text.replace(real, shown)
        return text.replace("\r\n", "\n")

    def addresses(self, config):
        """Give each address of a configuration a port: one of a listener a free one, one of a server that of a service."""
        for listener in config.get("listeners", []):
            self.ports.setdefault(listener["address"], free_port())
        if "admin" in config:
            self.ports.setdefault(config["admin"]["address"], free_port())
        for upstream in config.get("upstreams", {}).values():
            for server in upstream["servers"]:
                self.serve(server["address"] if isinstance(server, dict) else server)
        for store in config.get("stores", {}).values():
            self.serve(re.search(r"[\d.]+:\d+", store["redis"])[0])

    def serve(self, address):
        if address not in self.servers and address not in self.ports:
            self.servers[address] = self.service(address)

    def curl(self, ports):
        """Names and ports of a page lead to this machine, those that it does not serve to nobody."""
        lines = [f'connect-to = ":{shown.rpartition(":")[2]}:127.0.0.1:{port}"' for shown, port in ports.items()]
        lines += ['connect-to = "127.0.0.1::127.0.0.1:"', 'connect-to = "::127.0.0.1:1"', ""]
        (self.folder / ".curlrc").write_text("\n".join(["silent", "show-error", f'cacert = "{self.env["HOWTO_CA"]}"', *lines]))

    # ---- blocks ----

    def run(self):
        for block in blocks(self.page):
            try:
                getattr(self, f"run_{block.kind}")(block)
            except AssertionError as e:
                raise AssertionError(f"docs/howto/{self.page}:{block.line}: {e}") from e

    def run_yaml(self, block):
        config, unused = yaml.load(block.text, YAML), None
        if not self.base or block.word == "alone":
            self.base, text = config, block.text
        else:
            config = lay_over(self.base, config)
            text = yaml.safe_dump(config, sort_keys=False)
            unused = UNUSED         # it may take the place of what used them
        self.addresses(config)
        self.etc.mkdir(exist_ok=True)
        (self.folder / "run").mkdir(exist_ok=True)
        (self.etc / "shown.yaml").write_text(self.here(text, ports=False))
        status, said = self.shell("sluice check -c /etc/sluice/sluice.yaml")
        warnings = [line for line in said.splitlines() if "warning" in line and not (unused and unused.search(line))]
        assert status == 0 and not warnings, said
        if self.gateway:
            self.gateway.stop()
        text = self.here(text)
        abroad = re.findall(r"\b(?!127\.|0\.0\.0\.0)\d+\.\d+\.\d+\.\d+:\d+|jwks: https?://(?!127\.).*", text)
        assert not abroad, f"the gateway would ask {abroad}"
        self.gateway = Gateway(self.etc, text)
        for store in config.get("stores", {}).values():
            wait_for(lambda: self.is_connected(self.here(store["redis"])), what="a connection of each worker to the store")
        self.curl(self.ports)

    @staticmethod
    def is_connected(url):
        """Whether both workers have connected to the store: or a request might be counted elsewhere."""
        with redis.Redis.from_url(url) as client:
            return len(client.client_list()) > 2

    def stop(self):
        if self.gateway:
            self.gateway.stop()

    def run_console(self, block):
        assert self.gateway, "commands before a configuration"
        for command, shown in commands(block.text):
            status, said = self.shell(command)
            assert same(shown, said), f"{command}(status {status}) says something else than the page:\n" + "".join(
                difflib.unified_diff(plain(shown).splitlines(True), plain(said).splitlines(True), "page", "run"))
        if block.word == "both":
            self.run_both(block)

    def run_both(self, block):
        """The same at the program that the page comes from."""
        self.curl(self.peer)
        for command, shown in commands(block.text):
            said = self.shell(command)[1]
            assert same(shown, said), f"{command}at the other program says:\n{said}"
        self.curl(self.ports)

    def run_sh(self, block):
        if block.word:
            path = Path(self.here(block.word.removeprefix("file=")))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.here(block.text))
            path.chmod(0o755)
            return
        status, said = self.shell(f"set -e\n{block.text}")
        assert status == 0, f"status {status}:\n{said}"

    def run_nginx(self, block):
        self.peer = self.start_peer("nginx", block, r"listen (?:\[::\]:)?(\d+)", r"(?:server|proxy_pass) (?:http://)?([\d.]+:\d+)")

    def run_haproxy(self, block):
        self.peer = self.start_peer("haproxy", block, r"bind \S*:(\d+)", r"server \S+ ([\d.]+:\d+)")

    def start_peer(self, name, block, listens, servers):
        for address in re.findall(servers, block.text):
            self.serve(address)
        text, ports = self.here(block.text), {}
        for port in dict.fromkeys(re.findall(listens, block.text)):
            ports[f"*:{port}"] = free_port()
        text = re.sub(listens, lambda m: m[0].replace(m[1], str(ports[f"*:{m[1]}"])), text)
        self.peers[name](text, next(iter(ports.values())))
        return ports

    def run_traefik(self, block):
        assert yaml.load(block.text, YAML)

    def shell(self, command):
        """Exit status and output. Variables stay for the next command of the page; `sluice check` and `explain` see the file as it is shown."""
        command = re.sub(r"(sluice (?:check|explain) .*)/etc/sluice/sluice\.yaml", r"\1/etc/sluice/shown.yaml", command)
        state = shlex.quote(str(self.folder / "variables"))
        script = f"set -a; . {state} 2>/dev/null\n{self.here(command)}\nstatus=$?; export -p | grep -vE ' (PATH|PWD|OLDPWD|SHLVL)=' >{state}; exit $status\n"
        done = subprocess.run(["bash", "-c", script], cwd=self.folder, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace", timeout=30, check=False)
        return done.returncode, self.there(done.stdout)
