#!lua name=dmp1
--
-- The commit: what a gateway does in the store, in one atomic call each.
-- Never replaced in place: a change is a library dmp2 beside this one.
--
-- Common arguments, from "epoch" on: the place of the entry in the writer's
-- chain of this bucket, the hash of the entry it follows, its own hash, and
-- its body.  Replies:
--
--   {1, id, hash}                   appended (and, for a change, applied)
--   {0, id, hash, version, record}  appended as refused: another version is
--                                   current
--   {'CHAIN', epoch, seq, h}        nothing written: the chain's head is
--                                   another
--
-- The hash is the entry's own: it binds a reply to what it answers.
--
-- An error means that nothing was written: all types are checked before the
-- first write.

local NONE = ('\0'):rep(32)


-- The reply that refuses an entry that does not extend the chain, or nil.
local function refused(w, epoch, seq, prev)
    local head = redis.call('HMGET', w, 'e', 's', 'h')
    local e, s, h = head[1] or '0', head[2] or '0', head[3] or NONE

    if prev == h then
        if epoch == e then
            if tonumber(seq) == tonumber(s) + 1 then
                return nil
            end

        elseif seq == '1' and tonumber(epoch) > tonumber(e) then
            return nil
        end
    end

    return {'CHAIN', e, s, h}
end


-- The holder's own history: 8 bytes, milliseconds and sequence of the id; or
-- 16 after a clock that went back has made the sequence too large for two.
local function reference(id)
    local ms, n = id:match('^(%d+)-(%d+)$')

    n = tonumber(n)

    if n < 65536 then
        return struct.pack('>I6I2', tonumber(ms), n)
    end

    return struct.pack('>I8I8', tonumber(ms), n)
end


-- KEYS record trace history writer
-- ARGV version epoch seq prev hash body
redis.register_function('dmp1_trace', function(keys, a)
    local v = redis.call('HGET', keys[1], 'v') or '0'
    local no = refused(keys[4], a[2], a[3], a[4])

    if no then
        return no
    end

    redis.call('LLEN', keys[3])

    local same = v == a[1]
    local id = redis.call('XADD', keys[2], '*', 'b', a[6],
                          'o', same and '1' or '0')

    redis.call('HSET', keys[4], 'e', a[2], 's', a[3], 'h', a[5])
    redis.call('RPUSH', keys[3], reference(id))

    if same then
        return {1, id, a[5]}
    end

    return {0, id, a[5], v, redis.call('HGET', keys[1], 'd')}
end)


-- KEYS trace writer
-- ARGV epoch seq prev hash body
redis.register_function('dmp1_append', function(keys, a)
    local no = refused(keys[2], a[1], a[2], a[3])

    if no then
        return no
    end

    local id = redis.call('XADD', keys[1], '*', 'b', a[5], 'o', 'S')

    redis.call('HSET', keys[2], 'e', a[1], 's', a[2], 'h', a[4])

    return {1, id, a[4]}
end)


-- KEYS record trace history writer
-- ARGV version epoch seq prev hash body new-record new-version
redis.register_function('dmp1_change', function(keys, a)
    local v = redis.call('HGET', keys[1], 'v') or '0'

    -- a version that came back would be taken for the one that was cached
    if tonumber(a[8]) <= tonumber(a[1]) then
        return redis.error_reply('ERR a version must grow')
    end

    local no = refused(keys[4], a[2], a[3], a[4])

    if no then
        return no
    end

    redis.call('LLEN', keys[3])

    local same = v == a[1]
    local id = redis.call('XADD', keys[2], '*', 'b', a[6],
                          'o', same and 'R' or '0')

    redis.call('HSET', keys[4], 'e', a[2], 's', a[3], 'h', a[5])
    redis.call('RPUSH', keys[3], reference(id))

    if same then
        redis.call('HSET', keys[1], 'v', a[8], 'd', a[7])
        return {1, id, a[5]}
    end

    return {0, id, a[5], v, redis.call('HGET', keys[1], 'd')}
end)
