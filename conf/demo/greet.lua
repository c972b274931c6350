-- The script of conf/lua.yaml. What stands here runs once on each worker; locals are shared by its requests.
local greeting = sluice.options.greeting

function on_request()
  local path = sluice.get("path")
  if path == "/hello" then
    sluice.reply{ type = "text/plain", body = greeting .. ", " .. sluice.get("ip") .. "\n" }
  end
  -- ask another service who the caller is, while other requests go on
  local answer, why = sluice.fetch{ url = "/whoami", upstream = "people", timeout = 1000,
    headers = { ["X-Key"] = sluice.request.get("X-Key") } }
  if not answer then
    sluice.refuse(503, "people-down", why)
  elseif answer.status ~= 200 then
    sluice.metric_add("strangers")
    sluice.refuse(401, "stranger", "Nobody has this key.")
  end
  sluice.identify(answer.headers["x-name"])
  sluice.request.set("X-User", answer.headers["x-name"])
  sluice.request.remove("X-Key")
  sluice.ctx().since = sluice.now()
end

function on_response()
  local since = sluice.ctx().since
  if since then
    sluice.response.set("Server-Timing", ("app;dur=%.1f"):format((sluice.now() - since) * 1000))
  end
end
