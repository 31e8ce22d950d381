-- What wrk sends, taken from a file one after the other, and what it then says: one JSON object.
--
--   wrk … -s requests.lua URL -- FILE STATUS
--
--   FILE     lines of "METHOD PATH [TOKEN|JSON]": a token goes into Authorization, an object is the body
--   STATUS   what every answer has to be: others are counted

local requests, at, wanted, others = {}, 0, nil, 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  wanted = tonumber(args[2])
  for line in io.lines(args[1]) do
    local method, path, rest = line:match("^(%S+) (%S+) ?(.*)$")
    local headers, body = {}, nil
    if rest:sub(1, 1) == "{" then
      headers["Content-Type"] = "application/json"
      body = rest
    elseif rest ~= "" then
      headers["Authorization"] = "Bearer " .. rest
    end
    table.insert(requests, wrk.format(method, path, headers, body))
  end
  other_answers = 0
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status)
  if status ~= wanted then other_answers = other_answers + 1 end
end

function done(summary, latency)
  local other = 0
  for _, thread in ipairs(threads) do other = other + thread:get("other_answers") end
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"seconds":%.6f,"per_s":%.1f,"bytes":%d,"p50_us":%d,"p99_us":%d,"max_us":%d,"other_answers":%d,"socket_errors":%d}\n',
    summary.requests, summary.duration / 1e6, summary.requests / summary.duration * 1e6, summary.bytes,
    latency:percentile(50), latency:percentile(99), latency.max, other,
    errors.connect + errors.read + errors.write + errors.timeout))
end
