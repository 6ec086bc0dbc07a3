-- The guard in Lua whose decisions are Cerbos's: see cerbos.conf.in.

local cjson = require "cjson.safe"
local guard = require "guard"

local ngx = ngx

local cerbos = setmetatable({}, { __index = guard })
cerbos.__index = cerbos


function cerbos.new(socket)
    return setmetatable(guard.new(socket), cerbos)
end


local function question(facts, operation, document, now)
    return cjson.encode({
        requestId = "guard",
        principal = { id = facts[2], roles = { facts[3] } },
        resources = { {
            actions = { operation },
            resource = {
                kind = "document",
                id = document ~= "" and document or facts[4],
                attr = {
                    type = facts[5],
                    consent_until = tonumber(facts[6]),
                    blocked = facts[7] == 1,
                    now = now
                }
            }
        } }
    })
end


local function ask(body, operation)
    local answer = ngx.location.capture("/engine", {
        method = ngx.HTTP_POST,
        body = body
    })
    local said = answer.status == ngx.HTTP_OK and cjson.decode(answer.body)

    if not said then
        return guard.fail("engine", answer.status)
    end

    if said.results[1].actions[operation] == "EFFECT_ALLOW" then
        return "allowed"
    end

    return "denied"
end


-- Look-ups, decision, trace: each has to wait for the one before.
function cerbos:decide(operation, document, patient)
    local session = ngx.var.cookie_session

    if not session then
        return "no-session"
    end

    local now = ngx.time()
    local store = self:connect()
    local facts, err = store:fcall("guard_facts", 0, session, document,
                                   patient)
    if not facts then
        return guard.fail("redis", err)
    end

    local said = facts[1]

    if said == "known" then
        said = ask(question(facts, operation, document, now), operation)
    end

    local id
    id, err = store:xadd("trace", "*", "p", facts[2] or session,
                         "a", facts[3] or "", "o", operation, "d", document,
                         "i", facts[4] or patient, "r", said)
    if not id then
        return guard.fail("redis", err)
    end

    guard.keep(store)

    return said
end


return cerbos
