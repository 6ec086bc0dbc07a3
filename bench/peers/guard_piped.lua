-- The guard in Lua that decides in nginx: see piped.conf.in.

local guard = require "guard"

local ngx = ngx

local piped = setmetatable({}, { __index = guard })
piped.__index = piped


function piped.new(socket)
    return setmetatable(guard.new(socket), piped)
end


-- The replies to all that FILL asks, in one round trip.
local function at_once(store, fill)
    store:init_pipeline()
    fill(store)

    local replies, err = store:commit_pipeline()

    if not replies then
        return guard.fail("redis", err)
    end

    for _, reply in ipairs(replies) do
        if type(reply) == "table" and reply[1] == false then
            return guard.fail("redis", reply[2])
        end
    end

    return replies
end


local function judge(role, rights, operation, now)
    local consent, blocked, allowed = rights[1], rights[2], rights[3]

    if consent == ngx.null or tonumber(consent) < now then
        return "no-consent"
    end

    if blocked ~= 0 then
        return "blocked"
    end

    if allowed == ngx.null or not allowed:find(operation, 1, true) then
        return "not-in-matrix"
    end

    return "allowed"
end


-- Who and what; then their rights; then the trace: three round trips.
function piped:decide(operation, document, patient)
    local session = ngx.var.cookie_session

    if not session then
        return "no-session"
    end

    local store = self:connect()
    local facts = at_once(store, function(s)
        s:hmget("session:" .. session, "professional", "role")

        if document ~= "" then
            s:hmget("document:" .. document, "patient", "type")
        end
    end)
    local who, what = facts[1], facts[2] or { patient, "any" }
    local professional, role = who[1], who[2]
    local said

    if professional == ngx.null then
        professional, role, said = "", "", "no-session"

    elseif what[1] == ngx.null then
        what, said = { "", "" }, "no-document"

    else
        said = judge(role, at_once(store, function(s)
            s:hget("consent:" .. what[1], professional)
            s:sismember("blocked:" .. what[1], professional)
            s:hget("matrix", role .. ":" .. what[2])
        end), operation, ngx.time())
    end

    local id, err = store:xadd("trace", "*", "p", professional, "a", role,
                               "o", operation, "d", document, "i", what[1],
                               "r", said)
    if not id then
        return guard.fail("redis", err)
    end

    guard.keep(store)

    return said
end


return piped
