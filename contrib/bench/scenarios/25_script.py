"""A script in Lua that reads a field, and sets one of the request and one of the response. nginx compiles it to machine code."""
from benchkit.scenario import Requests

SCRIPT = ("function on_request() sluice.request.set('X-Path', sluice.request.get('Host') or 'none') end "
          "function on_response() sluice.response.set('X-Script', 'done') end")

SCENARIOS = [
    Requests("script", "1 KiB, plain, a script in Lua; Sluice as it comes: interpreted, with a budget", frozenset(["plain", "script"]),
             {"script": True, "plugin": f'lua, script: "{SCRIPT}"'}),
    Requests("script-jit", "the same, compiled in both", frozenset(["plain", "script"]),
             {"script": True, "plugin": f'lua, jit: true, script: "{SCRIPT}"'}),
]
