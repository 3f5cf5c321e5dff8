-- For wrk: 200 requests a second over 20 connections, and a count of what came back that should not have.
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init()
    wrong = 0
    seen = ""
    math.randomseed(os.time())
    wrk.headers["Host"] = "web.internal"
end

-- Not all at once: what is served has a short queue, and who does not fit in comes again after a second.
function delay()
    return math.random(68, 128)
end

function response(status, _, body)
    local version = body:match("^(v%d+)\n$")
    if status ~= 200 or version == nil then
        wrong = wrong + 1
    elseif not seen:find(version .. ";", 1, true) then
        seen = seen .. version .. ";"
    end
end

function done(summary, latency)
    local errors, wrong, seen = summary.errors, 0, ""
    for _, thread in ipairs(threads) do
        wrong = wrong + thread:get("wrong")
        seen = seen .. thread:get("seen")
    end
    io.write(string.format(
        'JSON {"requests": %d, "seconds": %f, "failed": %d, "wrong": %d, "p50": %f, "p99": %f, "max": %f, "seen": "%s"}\n',
        summary.requests, summary.duration / 1e6,
        errors.connect + errors.read + errors.write + errors.timeout, wrong,
        latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000, seen))
end
