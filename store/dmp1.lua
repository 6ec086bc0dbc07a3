#!lua name=dmp1
--
-- The commit: what a gateway does in the store, in one atomic call each.
-- Never replaced in place: a change is a library dmp2 beside this one.
--
-- Common arguments: "head" is the head of the writer's chain in this bucket as
-- the writer knows it ('' where there is none), "next" the one that this entry
-- makes, "body" its text.  A head is EPOCH:SEQUENCE:HASH.  Replies:
--
--   'id next'                       appended (and, for a change, applied)
--   {0, id, next, version, record}  appended as refused: another version is
--                                   current
--   {'CHAIN', head}                 nothing written: the chain's head is
--                                   another
--   error CLOSED                    nothing written: somebody saw this bucket
--                                   go back or fork
--
-- "next" holds the entry's own hash: it binds a reply to what it answers.
--
-- Redis' one thread runs this for all gateways.  What costs there is each
-- command, each value in a table, and each byte of a string that is made.
--
-- An error means that nothing was written: all types are checked before the
-- first write.  A notice goes to the outbox with the entry that it comes from,
-- or not at all.

-- The reply that refuses an entry of a closed bucket, or one that does not
-- extend the chain; or nil.
local function refused(closed, w, head)
    if redis.call('EXISTS', closed) ~= 0 then
        return redis.error_reply('CLOSED the bucket is closed')
    end

    local h = redis.call('HGET', w, 'h') or ''

    if h == head then
        return nil
    end

    return {'CHAIN', h}
end


-- The holder's own history: 8 bytes, milliseconds and sequence of the id; or
-- 16 after a clock that went back has made the sequence too large for two.
local function reference(id)
    -- 13 digits until the year 2286, and at most four
    if #id < 19 and id:byte(14) == 45 then
        return struct.pack('>I6I2', id:sub(1, 13), id:sub(15))
    end

    local ms, n = id:match('^(%d+)-(%d+)$')

    n = tonumber(n)

    if n < 65536 then
        return struct.pack('>I6I2', tonumber(ms), n)
    end

    return struct.pack('>I8I8', tonumber(ms), n)
end


-- What somebody is to be told: which notice, about whom (the record's key ends
-- with it), and the entry that it comes from.
local function tell(outbox, notice, record, id)
    redis.call('XADD', outbox, '*', 'k', notice, 'p', record:match('[^:]*$'),
               'e', id)
end


-- What an access is to be noticed for, as far as that is known before the
-- entry is written: "first" is whether it is the first, "hold" the time
-- within which an emergency is not told again, "last" when it was.
local function due(seen, outbox, who, first, hold, mode)
    local field = who .. ':' .. mode
    local known = redis.call('HMGET', seen, who, field)
    local d = {field = field, first = first == '1' and not known[1],
               hold = hold ~= '' and hold + 0 or nil,
               last = tonumber(known[2] or '')}

    if d.first or d.hold then
        redis.call('XLEN', outbox)
    end

    return d
end


-- A last time that is to come was written before a clock went back.
local function notice(keys, d, who, id)
    local ms = id:match('^%d+')

    if d.first then
        redis.call('HSET', keys[6], who, ms)
        tell(keys[7], 'first-access', keys[1], id)
    end

    if not d.hold then
        return
    end

    local passed = d.last and tonumber(ms) - d.last

    if not (passed and passed >= 0 and passed < d.hold) then
        redis.call('HSET', keys[6], d.field, ms)
        tell(keys[7], 'emergency-access', keys[1], id)
    end
end


-- KEYS record trace history writer closed [seen outbox]
-- ARGV version head next body [who first hold mode]
redis.register_function('dmp1_trace', function(keys, a)
    local v = redis.call('HGET', keys[1], 'v') or '0'
    local no = refused(keys[5], keys[4], a[2])

    if no then
        return no
    end

    redis.call('LLEN', keys[3])

    local same = v == a[1]
    local d = same and keys[6]
              and due(keys[6], keys[7], a[5], a[6], a[7], a[8])
    local id = redis.call('XADD', keys[2], '*', 'b', a[4],
                          'o', same and '1' or '0')

    redis.call('HSET', keys[4], 'h', a[3])
    redis.call('RPUSH', keys[3], reference(id))

    if d then
        notice(keys, d, a[5], id)
    end

    if same then
        return id .. ' ' .. a[3]
    end

    return {0, id, a[3], v, redis.call('HGET', keys[1], 'd')}
end)


-- KEYS trace writer closed
-- ARGV head next body
redis.register_function('dmp1_append', function(keys, a)
    local no = refused(keys[3], keys[2], a[1])

    if no then
        return no
    end

    local id = redis.call('XADD', keys[1], '*', 'b', a[3], 'o', 'S')

    redis.call('HSET', keys[2], 'h', a[2])

    return id .. ' ' .. a[2]
end)


-- KEYS record trace history writer closed [outbox]
-- ARGV version head next body new-record new-version [notice]
redis.register_function('dmp1_change', function(keys, a)
    local v = redis.call('HGET', keys[1], 'v') or '0'

    -- a version that came back would be taken for the one that was cached
    if tonumber(a[6]) <= tonumber(a[1]) then
        return redis.error_reply('ERR a version must grow')
    end

    local no = refused(keys[5], keys[4], a[2])

    if no then
        return no
    end

    redis.call('LLEN', keys[3])

    local same = v == a[1]
    local told = same and keys[6] and a[7]

    if told then
        redis.call('XLEN', keys[6])
    end

    local id = redis.call('XADD', keys[2], '*', 'b', a[4],
                          'o', same and 'R' or '0')

    redis.call('HSET', keys[4], 'h', a[3])
    redis.call('RPUSH', keys[3], reference(id))

    if same then
        redis.call('HSET', keys[1], 'v', a[6], 'd', a[5])

        if told then
            tell(keys[6], a[7], keys[1], id)
        end

        return id .. ' ' .. a[3]
    end

    return {0, id, a[3], v, redis.call('HGET', keys[1], 'd')}
end)


-- Closes a bucket to every commit from this instant on, until an operator has
-- looked at it.  Who closed it first, and why, stays.
--
-- KEYS closed
-- ARGV writer why
redis.register_function('dmp1_close', function(keys, a)
    if redis.call('EXISTS', keys[1]) == 0 then
        local t = redis.call('TIME')

        redis.call('HSET', keys[1], 'by', a[1], 'why', a[2],
                   'at', t[1] .. ('%03d'):format(tonumber(t[2]) / 1000))
    end

    return 1
end)
