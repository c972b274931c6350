"""A person with a browser that keeps cookies and fills in forms, without JavaScript: for what only a script can try. Chromium does the rest."""
import html
import re
import urllib.parse

import requests

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}


class Person:
    """user: as whom they log in where a provider asks."""

    def __init__(self, ca, user="alice"):
        self.user, self.session = user, requests.Session()
        self.session.trust_env, self.session.verify = False, str(ca) if ca else True
        self.steps = []

    def get(self, url, **kw):
        """One request, whose redirect is not followed."""
        return self.session.get(url, allow_redirects=False, timeout=30, **{"headers": PAGE, **kw})

    def post(self, url, **kw):
        return self.session.post(url, allow_redirects=False, timeout=30, **{"headers": PAGE, **kw})

    def follow(self, r, until=None):
        """Redirects and forms, until a page has neither, or the next request would be for a URL that has `until` in it: then the URL."""
        for _ in range(30):
            self.steps.append(r.url)
            form = re.search(r'<form[^>]*?(?:action="([^"]*)")?>(.*?)</form>', r.text, re.S) if "document.forms[0]" in r.text else None
            url = r.headers.get("location") or (form and form[1]) or r.url
            url = urllib.parse.urljoin(r.url, html.unescape(url))
            if "location" not in r.headers and not form:
                return r
            if until and until in url:
                return url
            r = self.post(url, data=self.filled(form[2])) if form else self.get(url)
        raise AssertionError(f"no end of redirects: {self.steps[-5:]}")

    def filled(self, inputs):
        fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', inputs))
        return {**fields, **({"login": self.user} if "login" in fields else {})}

    def visit(self, url, until=None, **kw):
        return self.follow(self.get(url, **kw), until)

    def cookies(self, start=""):
        """Those of the gateway, by name; path / alone: the provider's have its path."""
        return {c.name: c.value for c in self.session.cookies if c.path == "/" and c.name.startswith(start)}
