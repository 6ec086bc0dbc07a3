#!lua name=guard
--
-- The peer in Lua: what it asks of Redis, one call for each request.
--
--   session:ID      hash: professional, role
--   document:ID     hash: patient, type
--   consent:INS     hash: professional -> until, seconds since 1970
--   blocked:INS     set of professionals
--   matrix          hash: "role:type" -> the operations allowed, "read,search"
--   trace           stream


local function facts(session, document, patient)
    local who = redis.call('HMGET', 'session:' .. session, 'professional',
                           'role')

    if not who[1] then
        return nil, 'no-session'
    end

    local kind = 'any'

    if document ~= '' then
        local what = redis.call('HMGET', 'document:' .. document, 'patient',
                                'type')

        if not what[1] then
            return nil, 'no-document'
        end

        patient, kind = what[1], what[2]
    end

    return {
        professional = who[1],
        role = who[2],
        patient = patient,
        kind = kind,
        consent = redis.call('HGET', 'consent:' .. patient, who[1]),
        blocked = redis.call('SISMEMBER', 'blocked:' .. patient, who[1])
    }
end


local function decide(known, operation, now)
    if not known.consent or tonumber(known.consent) < tonumber(now) then
        return 'no-consent'
    end

    if known.blocked == 1 then
        return 'blocked'
    end

    local allowed = redis.call('HGET', 'matrix',
                               known.role .. ':' .. known.kind)

    if not allowed or not allowed:find(operation, 1, true) then
        return 'not-in-matrix'
    end

    return 'allowed'
end


-- session, operation, document or '', patient or '', now: "allowed", or why not
redis.register_function('guard_access', function(keys, args)
    local session, operation, document, patient, now = unpack(args)
    local known, why = facts(session, document, patient)

    if not known then
        redis.call('XADD', 'trace', '*', 's', session, 'o', operation,
                   'd', document, 'i', patient, 'r', why)
        return why
    end

    local said = decide(known, operation, now)

    redis.call('XADD', 'trace', '*', 'p', known.professional, 'a', known.role,
               'o', operation, 'd', document, 'i', known.patient, 'r', said)

    return said
end)


-- The same look-ups less the matrix, for who has another decide.
redis.register_function('guard_facts', function(keys, args)
    local session, document, patient = unpack(args)
    local known, why = facts(session, document, patient)

    if not known then
        return {why}
    end

    return {
        'known', known.professional, known.role, known.patient, known.kind,
        known.consent or '0', known.blocked
    }
end)
