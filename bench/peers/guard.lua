-- The peer in Lua, inside nginx: see lua.conf.in, piped.conf.in,
-- cerbos.conf.in.  Denies unless everything says yes; what cannot be asked is a
-- 503.

local redis = require "nginx.redis"
local cjson = require "cjson.safe"

local ngx, table, string = ngx, table, string
local concat = table.concat

local TIMEOUT_MS = 1000
local POOL = 128
local IDLE_MS = 600000
local MASKED = {
    MASQUE_PS = true,
    INVISIBLE_PATIENT = true
}
local DENIED = {
    ["no-session"] = ngx.HTTP_UNAUTHORIZED,
    ["no-document"] = ngx.HTTP_NOT_FOUND
}

local guard = {}
guard.__index = guard


function guard.new(socket)
    return setmetatable({ address = "unix:" .. socket }, guard)
end


function guard.fail(what, why)
    ngx.log(ngx.ERR, what, ": ", why)
    return ngx.exit(ngx.HTTP_SERVICE_UNAVAILABLE)
end


function guard:connect()
    local store = redis:new()

    store:set_timeout(TIMEOUT_MS)

    local ok, err = store:connect(self.address)
    if not ok then
        return guard.fail("redis", err)
    end

    return store
end


function guard.keep(store)
    store:set_keepalive(IDLE_MS, POOL)
end


-- One round trip: look-ups, decision, trace.
function guard:decide(operation, document, patient)
    local session = ngx.var.cookie_session

    if not session then
        return "no-session"
    end

    local store = self:connect()
    local said, err = store:fcall("guard_access", 0, session, operation,
                                  document, patient, ngx.time())
    if not said then
        return guard.fail("redis", err)
    end

    guard.keep(store)

    return said
end


function guard:access(operation, document, patient)
    local said = self:decide(operation, document, patient)

    if said ~= "allowed" then
        return ngx.exit(DENIED[said] or ngx.HTTP_FORBIDDEN)
    end
end


local BASE = #"/fhir/DocumentReference/"

function guard:read()
    return self:access("read", string.sub(ngx.var.uri, BASE + 1), "")
end


-- "system|INS" of a parameter, or nil
local function patient_of(name)
    local value = ngx.req.get_uri_args()[name]

    if type(value) ~= "string" then
        return nil
    end

    return value:match("|(%d+)$")
end


function guard:search()
    local patient = patient_of("patient.identifier")

    if not patient then
        return ngx.exit(ngx.HTTP_BAD_REQUEST)
    end

    return self:access("search", "", patient)
end


local CHECKED = '{"resourceType":"Bundle","type":"searchset","total":1,'
    .. '"entry":[{"resource":{"resourceType":"Patient","identifier":'
    .. '[{"system":"urn:oid:1.2.250.1.213.1.4.8","value":"%s"}]}}]}'

function guard:check()
    local patient = patient_of("identifier")

    if not patient then
        return ngx.exit(ngx.HTTP_BAD_REQUEST)
    end

    self:access("search", "", patient)

    local body = CHECKED:format(patient)

    ngx.header.content_length = #body
    ngx.print(body)
end


-- The answer will be shorter, and nobody knows by how much.
function guard.search_header()
    if ngx.status == ngx.HTTP_OK then
        ngx.header.content_length = nil
        ngx.ctx.pieces = {}
    end
end


local function masked(resource)
    for _, label in ipairs(resource.securityLabel or {}) do
        for _, coding in ipairs(label.coding or {}) do
            if MASKED[coding.code] then
                return true
            end
        end
    end

    return false
end


local function filter(body)
    local bundle = cjson.decode(body)
    local kept = {}

    if not bundle or not bundle.entry then
        return '{"resourceType":"OperationOutcome"}'
    end

    for _, entry in ipairs(bundle.entry) do
        if not masked(entry.resource) then
            kept[#kept + 1] = entry
        end
    end

    bundle.entry = kept
    bundle.total = #kept

    return cjson.encode(bundle)
end


function guard.search_body()
    local pieces = ngx.ctx.pieces

    if not pieces then
        return
    end

    pieces[#pieces + 1] = ngx.arg[1]

    if ngx.arg[2] then
        ngx.arg[1] = filter(concat(pieces))
    else
        ngx.arg[1] = nil
    end
end


return guard
