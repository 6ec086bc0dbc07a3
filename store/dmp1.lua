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
--   {0, id, next, version, record, why}
--                                   appended as refused, whatever the version:
--                                   'session': the session that it was asked in
--                                   is dead; 'late': too long after it was
--                                   looked at; 'login': another account stands
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
--
-- Sessions, challenges and attempts go by this store's own clock: gateways'
-- may differ.

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


-- What somebody is to be told: which notice, about whom (the key ends with it),
-- the entry that it comes from, and where a secret goes with it, that, sealed.
local function tell(outbox, notice, key, id, sealed)
    local p = key:match('[^:]*$')

    if sealed and sealed ~= '' then
        redis.call('XADD', outbox, '*', 'k', notice, 'p', p, 'e', id,
                   's', sealed)
    else
        redis.call('XADD', outbox, '*', 'k', notice, 'p', p, 'e', id)
    end
end


-- Whole numbers of up to 15 digits, which a double holds as they are.
local function whole(text, least)
    local n = text and #text <= 15 and text:match('^%d+$') and tonumber(text)

    if not n or n < least then
        error({err = 'ERR not a number that can be'})
    end

    return n
end


local function decimal(n)
    return ('%.0f'):format(n)
end


local function clock()
    local t = redis.call('TIME')

    return t[1] * 1000 + math.floor(t[2] / 1000)
end


-- The holder's sessions are a hash: token id -> 'IDLE_UNTIL LIMIT', in ms since
-- 1970.  A use moves the first, never beyond the second.
local SESSIONS = 16
local STEP = 30000


-- nil: dead, or never was one.  Also finds a key of another type.
local function alive(sess, token, now)
    local times = redis.call('HGET', sess, token)
    local idle, limit = (times or ''):match('^(%d+) (%d+)$')

    if not idle then
        return nil
    end

    idle, limit = tonumber(idle), tonumber(limit)

    return now < idle and now < limit and {idle = idle, limit = limit} or nil
end


-- Written where it moves by enough, to either side: after a clock that went
-- back nobody stays longer than they may.
local function extend(sess, token, s, now, idle)
    local to = math.min(now + idle, s.limit)

    if math.abs(to - s.idle) >= math.min(STEP, idle / 2) then
        redis.call('HSET', sess, token, decimal(to) .. ' ' .. decimal(s.limit))
    end
end


-- Those that must go for a new one to come: the dead, then those whose limit is
-- nearest, which are the oldest; and the latest limit of the others.
local function leaving(sess, token, now)
    local all = redis.call('HGETALL', sess)
    local gone, living = {}, {}

    for i = 1, #all, 2 do
        local idle, limit = all[i + 1]:match('^(%d+) (%d+)$')

        if not idle or now >= tonumber(idle) or now >= tonumber(limit) then
            gone[#gone + 1] = all[i]
        elseif all[i] ~= token then
            living[#living + 1] = {id = all[i], limit = tonumber(limit)}
        end
    end

    table.sort(living, function(x, y)
        return x.limit > y.limit or (x.limit == y.limit and x.id < y.id)
    end)

    for i = SESSIONS, #living do
        gone[#gone + 1] = living[i].id
    end

    return gone, living[1] and living[1].limit or 0
end


local function open(sess, token, now, idle, limit)
    local gone, latest = leaving(sess, token, now)

    if #gone > 0 then
        redis.call('HDEL', sess, unpack(gone))
    end

    redis.call('HSET', sess, token, decimal(now + math.min(idle, limit))
               .. ' ' .. decimal(now + limit))
    redis.call('PEXPIREAT', sess, decimal(math.max(latest, now + limit)))
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


-- The same of who has a session: '1' only if that lives as well, which makes it
-- live longer.
--
-- KEYS record trace history writer closed session
-- ARGV version head next body token idle
redis.register_function('dmp1_signed', function(keys, a)
    local idle = whole(a[6], 1)
    local v = redis.call('HGET', keys[1], 'v') or '0'
    local no = refused(keys[5], keys[4], a[2])

    if no then
        return no
    end

    redis.call('LLEN', keys[3])

    local now = clock()
    local s = alive(keys[6], a[5], now)
    local fine = s and v == a[1]
    local id = redis.call('XADD', keys[2], '*', 'b', a[4],
                          'o', fine and '1' or '0')

    redis.call('HSET', keys[4], 'h', a[3])
    redis.call('RPUSH', keys[3], reference(id))

    if fine then
        extend(keys[6], a[5], s, now, idle)

        return id .. ' ' .. a[3]
    end

    return {0, id, a[3], v, redis.call('HGET', keys[1], 'd'),
            not s and 'session' or nil}
end)


-- What a change has to do with sessions; or nil.  Without the key nothing of
-- them may be said: it would not be looked at.
local function asked_of_sessions(keys, a)
    if not keys[7] then
        for i = 8, 13 do
            if a[i] and a[i] ~= '' then
                error({err = 'ERR a session takes its key'})
            end
        end

        return nil
    end

    if not (a[7] and a[8] and a[9] and a[10])
       or (a[11] ~= '1' and a[11] ~= '')
    then
        error({err = 'ERR what is asked of the session is not said'})
    end

    return {key = keys[7], token = a[8], all = a[11] == '1',
            checked = a[8] ~= '', idle = a[8] ~= '' and whole(a[9], 1),
            since = a[12] and whole(a[12], 1),
            within = a[12] and whole(a[13], 1)}
end


-- Why it may not be made; nil: it may.  A professional's change, or an
-- operator's, has no session that must live.  A representative's was looked at
-- when this clock said "since": later than "within" it may have ended, and that
-- been acknowledged.  A clock that went back proves nothing.
local function change_refused(asked)
    if not asked then
        return nil
    end

    asked.now = clock()
    asked.alive = alive(asked.key, asked.token, asked.now)

    if asked.checked and not asked.alive then
        return 'session'
    end

    local passed = asked.since and asked.now - asked.since or 0

    return (passed < 0 or passed > (asked.within or 0)) and 'late' or nil
end


local function change_sessions(asked)
    if asked and asked.all then
        redis.call('DEL', asked.key)
    elseif asked and asked.checked then
        extend(asked.key, asked.token, asked.alive, asked.now, asked.idle)
    end
end


-- With the session's key: token '' checks no session, and notice '', sealed ''
-- and all '' are none of them; all is '1' where every session of the record's
-- holder ends with the change.  since and within: of a session that is kept in
-- another bucket, what 'check' replied, and for how many ms that is enough.
--
-- KEYS record trace history writer closed [outbox [session]]
-- ARGV version head next body new-record new-version [notice]
--      [token idle sealed all [since within]]
redis.register_function('dmp1_change', function(keys, a)
    local asked = asked_of_sessions(keys, a)
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

    local why = change_refused(asked)
    local fine = not why and v == a[1]
    local told = fine and keys[6] and a[7] and a[7] ~= ''

    if told then
        redis.call('XLEN', keys[6])
    end

    local id = redis.call('XADD', keys[2], '*', 'b', a[4],
                          'o', fine and 'R' or '0')

    redis.call('HSET', keys[4], 'h', a[3])
    redis.call('RPUSH', keys[3], reference(id))

    if fine then
        redis.call('HSET', keys[1], 'v', a[6], 'd', a[5])
        change_sessions(asked)

        if told then
            tell(keys[6], a[7], keys[1], id, a[10])
        end

        return id .. ' ' .. a[3]
    end

    return {0, id, a[3], v, redis.call('HGET', keys[1], 'd'), why}
end)


-- Somebody's login: the version that was read ('' where there was none), and
-- what is written over it.  A version never comes back.
local function login_asked(key, a, i)
    local l = {key = key, before = a[i], v = a[i + 1], p = a[i + 2],
               s = a[i + 3]}

    if not l.before or not l.p or not l.s
       or whole(l.v, 1) <= (l.before == '' and 0 or whole(l.before, 1))
    then
        error({err = 'ERR a version must grow'})
    end

    l.same = (redis.call('HGET', key, 'v') or '') == l.before

    return l
end


local function login_put(l)
    redis.call('HSET', l.key, 'p', l.p, 'v', l.v, 's', l.s)
end


-- What is done with the sessions, by verb.
local session_verbs = {
    check = function(c)
        if c.alive then
            extend(c.key, c.token, c.alive, c.now, c.idle)
        end
    end,
    open = function(c)
        open(c.key, c.token, c.now, c.idle, c.limit)
    end,
    only = function(c)
        redis.call('DEL', c.key)
        open(c.key, c.token, c.now, c.idle, c.limit)
    end,
    ['end'] = function(c)
        redis.call('HDEL', c.key, c.token)
    end,
    clear = function(c)
        redis.call('DEL', c.key)
    end,
    none = function() end
}


local function session_asked(keys, a)
    local verb = a[4]
    local c = {key = keys[5], token = a[5], act = session_verbs[verb],
               told = a[8] and a[8] ~= ''}

    if not c.act then
        error({err = 'ERR no such verb'})
    end

    if verb == 'check' or verb == 'open' or verb == 'only' then
        c.idle = whole(a[6], 1)
    end

    if verb == 'open' or verb == 'only' then
        c.limit = whole(a[7], 1)
    end

    if c.token == '' and verb ~= 'clear' and verb ~= 'none' then
        error({err = 'ERR which session is not said'})
    end

    if keys[7] and verb ~= 'open' and verb ~= 'only' then
        error({err = 'ERR a login is for a session to come'})
    end

    if keys[7] and #a == 10 then
        c.login = {same = redis.call('HGET', keys[7], 'v') == a[10]}
    elseif keys[7] then
        c.login = login_asked(keys[7], a, 10)
    end

    return c
end


-- Why it is not done; nil: it is.
local function session_refused(c, verb)
    if verb == 'check' and not c.alive then
        return 'session'
    end

    return c.login and not c.login.same and 'login' or nil
end


-- What concerns a patient's sessions and no version of their record: 'check'
-- (outcome '0' if it is dead), 'open', 'only' (every other ends), 'end',
-- 'clear' (all end), 'none' (it is told, and nothing else).  'open' and 'only'
-- with a login's key do nothing (outcome '0') unless that has this version
-- still; with a new one it is written, too.  The reply to 'check' has this
-- store's clock behind it.
--
-- KEYS trace history writer closed session outbox [login]
-- ARGV head next body verb token idle limit [kind sealed [version
--      [new-version p s]]]
redis.register_function('dmp1_session', function(keys, a)
    local c = session_asked(keys, a)
    local no = refused(keys[4], keys[3], a[1])

    if no then
        return no
    end

    redis.call('LLEN', keys[2])
    c.now = clock()
    c.alive = alive(c.key, c.token, c.now)

    local why = session_refused(c, a[4])

    if not why and c.told then
        redis.call('XLEN', keys[6])
    end

    local id = redis.call('XADD', keys[1], '*', 'b', a[3],
                          'o', why and '0' or '1')

    redis.call('HSET', keys[3], 'h', a[2])
    redis.call('RPUSH', keys[2], reference(id))

    if why then
        return {0, id, a[2], false, false, why}
    end

    c.act(c)

    if c.login and c.login.v then
        login_put(c.login)
    end

    if c.told then
        tell(keys[6], a[8], keys[2], id, a[9])
    end

    return id .. ' ' .. a[2]
           .. (a[4] == 'check' and ' ' .. decimal(c.now) or '')
end)


-- Whether a session lives; it is no use of it.
--
-- KEYS session
-- ARGV token
redis.register_function({function_name = 'dmp1_look', flags = {'no-writes'},
    callback = function(keys, a)
        return alive(keys[1], a[1], clock()) and 1 or 0
    end})


-- Closes a bucket to every commit from this instant on, until an operator has
-- looked at it.  Who closed it first, and why, stays.  Not if the bucket was
-- recovered since, by what the closer knows of recoveries: what it saw is what
-- the operator has looked at.  1, or 0.
--
-- KEYS closed dmp:closed dmp:meta
-- ARGV writer why bucket recovered
redis.register_function('dmp1_close', function(keys, a)
    local at = redis.call('HMGET', keys[3], 'recovered:' .. a[3])[1]

    if at and whole(at, 0) > whole(a[4], 0) then
        return 0
    end

    if redis.call('EXISTS', keys[1]) == 0 then
        local t = redis.call('TIME')

        redis.call('HSET', keys[1], 'by', a[1], 'why', a[2],
                   'at', t[1] .. ('%03d'):format(tonumber(t[2]) / 1000))
    end

    redis.call('SADD', keys[2], a[3])

    return 1
end)


-- What a challenge says, but for the code.
local function challenge_fields(key, first)
    local all = redis.call('HGETALL', key)
    local out = {first}

    for i = 1, #all, 2 do
        if all[i] ~= 'c' then
            out[#out + 1] = all[i]
            out[#out + 1] = all[i + 1]
        end
    end

    return out
end


local function challenge_put(key, a)
    local ttl = whole(a[2], 1)
    local fields = {unpack(a, 3)}

    if #fields == 0 or #fields % 2 ~= 0 then
        error({err = 'ERR a challenge has fields and values'})
    end

    for i = 1, #fields, 2 do
        if fields[i] == 't' or fields[i] == 'ok' then
            error({err = 'ERR that field is not to be given'})
        end
    end

    if redis.call('EXISTS', key) ~= 0 then
        return 0
    end

    redis.call('HSET', key, unpack(fields))
    redis.call('PEXPIRE', key, decimal(ttl))

    return 1
end


-- A field of its own counts the tries, and the code goes when it has matched:
-- calls are atomic, so neither happens twice.
local function challenge_try(key, a)
    local hash, max = a[2], whole(a[3], 1)
    local kept = redis.call('HMGET', key, 'c', 't')

    if not hash or hash == '' then
        error({err = 'ERR no code'})
    end

    if redis.call('EXISTS', key) == 0 then
        return false
    end

    local tries = whole(kept[2] or '0', 0) + 1

    if tries > max then
        redis.call('DEL', key)
        return false
    end

    redis.call('HSET', key, 't', decimal(tries))

    if kept[1] == hash then
        redis.call('HDEL', key, 'c')
        redis.call('HSET', key, 'ok', '1')

        return challenge_fields(key, 1)
    end

    local said = challenge_fields(key, 0)

    if tries == max then
        redis.call('DEL', key)
    end

    return said
end


local function challenge_take(key)
    if redis.call('HGET', key, 'ok') ~= '1' then
        return false
    end

    local said = challenge_fields(key)

    redis.call('DEL', key)

    return said
end


-- A one-time code that waits for its answer.  Fields: c, what is kept of the
-- code; t, tries counted; ok, it has matched; others are the gateway's.
--
--   put ttl field value ...  1, or 0 where there is one
--   try hash max             nil where there is none (any more); {1, fields} of
--                            the one that matches; {0, fields}
--   take                     fields of one that has matched, once; or nil
--   drop                     how many there were
--
-- KEYS challenge
-- ARGV verb ...
redis.register_function('dmp1_challenge', function(keys, a)
    if a[1] == 'put' then
        return challenge_put(keys[1], a)
    elseif a[1] == 'try' then
        return challenge_try(keys[1], a)
    elseif a[1] == 'take' then
        return challenge_take(keys[1])
    elseif a[1] == 'drop' then
        return redis.call('DEL', keys[1])
    end

    return redis.error_reply('ERR no such verb')
end)


-- How long the next try must wait.  A last one that is to come was before a
-- clock went back: it holds nobody.
local function attempt_wait(n, at, now, free, first, max)
    if n < free or not at or at > now then
        return 0
    end

    return math.max(at + math.min(first * 2 ^ (n - free), max) - now, 0)
end


local function attempt_try(key, a)
    local free, first = whole(a[2], 0), whole(a[3], 1)
    local max, keep = whole(a[4], 1), whole(a[5], 1)
    local kept = redis.call('HMGET', key, 'n', 'at', 'ok')
    local n = tonumber((kept[1] or '0'):match('^%d+$')) or 0
    local at, now = tonumber((kept[2] or ''):match('^%d+$')), clock()
    local wait = attempt_wait(n, at, now, free, first, max)

    if wait == 0 then
        redis.call('HSET', key, 'n', decimal(n + 1), 'at', decimal(now))
    end

    -- one that was good is remembered for longer than its tries
    if kept[3] ~= '1' then
        redis.call('PEXPIRE', key, decimal(keep))
    end

    return {wait, kept[3] == '1' and 1 or 0}
end


-- Tries of somebody's password.  Fields: n, those let through since the last
-- good one; at, when the last was; ok, one was good once.
--
--   try free first max keep  {wait, known}: wait is 0 where it is let through,
--                            which counts; times in milliseconds
--   good keep                1
--
-- KEYS attempts
-- ARGV verb ...
redis.register_function('dmp1_attempt', function(keys, a)
    if a[1] == 'try' then
        return attempt_try(keys[1], a)
    elseif a[1] == 'good' then
        local keep = whole(a[2], 1)

        redis.call('HDEL', keys[1], 'n', 'at')
        redis.call('HSET', keys[1], 'ok', '1')
        redis.call('PEXPIRE', keys[1], decimal(keep))

        return 1
    end

    return redis.error_reply('ERR no such verb')
end)


-- Somebody's login, written over the one that was read: 1; 0 if another stands
-- there.
--
-- KEYS login
-- ARGV old-version ('' where there was none) new-version p s
redis.register_function('dmp1_login', function(keys, a)
    local l = login_asked(keys[1], a, 1)

    if not l.same then
        return 0
    end

    login_put(l)

    return 1
end)
