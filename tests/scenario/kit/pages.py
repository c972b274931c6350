"""The snippets of the manual, as configurations that run: what a page shows is what a test tries."""
import re

from kit.gateway import ROOT

# what a snippet leaves out
REST = {
    "listeners": 'listeners:\n  - { name: public, address: "127.0.0.1:@public@" }\n',
    "upstreams": 'upstreams:\n  app: { servers: ["127.0.0.1:@app@"] }\n',
    "routes": "routes:\n  - { name: all, match: { path: /* }, upstream: app }\n",
}


def snippets(page):
    """The indented blocks of a page that are YAML of a configuration: the text by the heading above it."""
    found, heading, block = {}, "", []
    for line in [*(ROOT / page).read_text().splitlines(), "end"]:
        if line.startswith("    ") or (not line and block):
            block.append(line[4:])
            continue
        if block and re.match(r"(plugins|listeners|routes|upstreams):", block[0]):
            found[heading] = found.get(heading, "") + "\n".join(block)
        block = []
        if line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def whole(snippet):
    """The snippet with what it leaves out, and with a port of the kit where it names one."""
    text = re.sub(r"127\.0\.0\.1:80\d\d", "127.0.0.1:@public@", snippet)
    return "".join(v for k, v in REST.items() if not re.search(rf"^{k}:", text, re.M)) + text
