/*
 * init_probes.c: what each user of the store must be able to do and what not.
 * Every command that store/users.acl.in grants stands here with its user; any
 * other command of the server is refused to all.  "admin" stands nowhere: it
 * must be allowed all of them.
 *
 * The keys have the shapes of real ones, and "probe" where those have a number
 * of a bucket, a pseudonym or a hash.  A few keys exist once: what is tried on
 * them changes nothing.
 */

#include <stddef.h>

#include "init.h"


#define G  INIT_GATEWAY
#define S  INIT_SEALER
#define T  INIT_TRIMMER
#define N  INIT_NOTIFIER
#define R  INIT_READER
#define O  INIT_OPERATOR
#define C  INIT_REPLICA

#define B  "{dmp:probe}:"

const char *const  init_user_names[INIT_USERS] = {
    "gateway", "sealer", "trimmer", "notifier", "reader", "operator", "replica",
    "admin"
};

const char *const  init_probe_seeds[] = {
    "HSET " B "rec:probe v 1 d probe",
    "HSET " B "w:probe h probe",
    "HSET " B "docs:probe probe probe",
    "XADD " B "trace * b probe o S",
    "XADD " B "outbox * k probe",
    "HSET dmp:login:probe v 1",
    "RPUSH " B "idx:probe probe",
    NULL
};

const char *const  init_probe_clean[] = {
    "DEL " B "rec:probe",
    "DEL " B "rec:other",
    "DEL " B "w:probe",
    "DEL " B "docs:probe",
    "DEL " B "trace",
    "DEL " B "outbox",
    "DEL " B "dead",
    "DEL " B "idx:probe",
    "DEL " B "seen:probe",
    "DEL " B "sess:probe",
    "DEL " B "closed",
    "DEL dmp:login:probe",
    "DEL dmp:dir:probe",
    "DEL dmp:doc:probe",
    "DEL dmp:lock:probe",
    "SREM dmp:att:probe probe",
    "SREM dmp:traits:probe probe",
    NULL
};

const init_probe_t  init_probes[] = {

    /* the connection and the server */
    { "PING",                                       G|S|T|N|R|O|C, false },
    { "TIME",                                       G|S|T|N|R|O, false },
    { "INFO replication",                           G|S|T|N|R|O, false },
    { "SELECT 0",                                   G|S|T|N|R|O, false },
    { "WAIT 0 1",                                   G|O, false },
    { "CONFIG GET appendfsync",                     G|O, false },
    { "FUNCTION LIST LIBRARYNAME dmp1",             G|O, false },
    { "FUNCTION LOAD probe",                        O, true },
    { "COMMAND INFO get",                           O, false },
    { "ACL DRYRUN default PING",                    O, false },
    { "ACL GETUSER default",                        O, false },
    { "ACL USERS",                                  O, false },
    { "MULTI",                                      N|R|O, false },
    { "EXEC",                                       N|R|O, false },
    { "MULTI",                                      N|R|O, false },
    { "DISCARD",                                    N|R|O, false },
    { "SCAN 0 COUNT 1",                             T|R|O, false },
    { "PSYNC probe 1",                              C, true },
    { "REPLCONF capa eof",                          C, true },

    /* commits */
    { "FCALL dmp1_append 3 " B "trace " B "w:probe " B "closed"
      " probe probe probe",                     G|O, false },
    { "FCALL dmp1_trace 5 " B "rec:probe " B "trace " B "idx:probe"
      " " B "w:probe " B "closed 1 probe probe probe",
                                                    G|O, false },
    { "FCALL dmp1_trace 7 " B "rec:probe " B "trace " B "idx:probe"
      " " B "w:probe " B "closed " B "seen:probe " B "outbox"
      " 1 probe probe probe probe 1 1 mode",    G, false },
    { "FCALL dmp1_change 5 " B "rec:probe " B "trace " B "idx:probe"
      " " B "w:probe " B "closed 1 probe probe probe probe 2",
                                                    G|O, false },
    { "FCALL dmp1_change 6 " B "rec:probe " B "trace " B "idx:probe"
      " " B "w:probe " B "closed " B "outbox"
      " 2 probe probe probe probe 3 probe",     G|O, false },

    /* a patient's sessions, login and codes */
    { "FCALL dmp1_session 6 " B "trace " B "idx:probe " B "w:probe"
      " " B "closed " B "sess:probe " B "outbox"
      " probe probe probe open probe 60000 600000 probe probe",
                                                    G, false },
    { "FCALL dmp1_session 6 " B "trace " B "idx:probe " B "w:probe"
      " " B "closed " B "sess:probe " B "outbox"
      " probe probe probe only probe 60000 600000", G, false },
    { "FCALL dmp1_session 7 " B "trace " B "idx:probe " B "w:probe"
      " " B "closed " B "sess:probe " B "outbox dmp:login:probe"
      " probe probe probe open probe 60000 600000 probe probe"
      " 1 2 probe probe",                           G, false },
    { "FCALL dmp1_session 6 " B "trace " B "idx:probe " B "w:probe"
      " " B "closed " B "sess:probe " B "outbox"
      " probe probe probe none probe 1 1 probe probe",
                                                    G|O, false },
    { "FCALL dmp1_session 6 " B "trace " B "idx:probe " B "w:probe"
      " " B "closed " B "sess:probe " B "outbox"
      " probe probe probe clear probe", G|O, false },
    { "FCALL dmp1_signed 6 " B "rec:probe " B "trace " B "idx:probe"
      " " B "w:probe " B "closed " B "sess:probe"
      " 3 probe probe probe probe 120000",          G|O, false },
    { "FCALL dmp1_change 7 " B "rec:probe " B "trace " B "idx:probe"
      " " B "w:probe " B "closed " B "outbox " B "sess:probe"
      " 3 probe probe probe probe 4 probe probe 60000 probe 1",
                                                    G|O, false },
    { "FCALL dmp1_look 1 " B "sess:probe probe",    G|O, false },
    { "HGET " B "sess:probe probe",                 G|O, false },
    { "HGETALL " B "sess:probe",                    G|O, false },
    { "HSET " B "sess:probe probe probe",           G, false },
    { "HDEL " B "sess:probe probe",                 G, false },
    { "PEXPIREAT " B "sess:probe 9999999999999",    G, false },
    { "DEL " B "sess:probe",                        G|O, false },
    { "FCALL dmp1_challenge 1 dmp:challenge:probe put 60000 c probe",
                                                    G, false },
    { "FCALL dmp1_challenge 1 dmp:challenge:probe try probe 3",
                                                    G, false },
    { "FCALL dmp1_challenge 1 dmp:challenge:probe take",
                                                    G, false },
    { "HSET dmp:challenge:probe c probe",           G, false },
    { "HGET dmp:challenge:probe ok",                G, false },
    { "HMGET dmp:challenge:probe c t",              G, false },
    { "HGETALL dmp:challenge:probe",                G, false },
    { "HDEL dmp:challenge:probe c",                 G, false },
    { "EXISTS dmp:challenge:probe",                 G, false },
    { "PEXPIRE dmp:challenge:probe 60000",          G, false },
    { "DEL dmp:challenge:probe",                    G, false },
    { "FCALL dmp1_attempt 1 dmp:attempt:probe try 1 1 1 1",
                                                    G, false },
    { "FCALL dmp1_attempt 1 dmp:attempt:probe good 1",
                                                    G, false },
    { "HMGET dmp:attempt:probe n at ok",            G, false },
    { "HSET dmp:attempt:probe n 1",                 G, false },
    { "HDEL dmp:attempt:probe n",                   G, false },
    { "PEXPIRE dmp:attempt:probe 1",                G, false },
    { "DEL dmp:attempt:probe",                      0, false },
    { "FCALL dmp1_login 1 dmp:login:probe 1 2 probe probe",
                                                    G|O, false },
    { "HGET dmp:login:probe v",                     G|O, false },
    { "HMGET dmp:login:probe p v s",                G|O, false },
    { "HSET dmp:login:probe s probe",               G|O, false },
    { "HDEL dmp:login:probe s",                     0, false },
    { "DEL dmp:login:probe",                        O, false },

    /* a record */
    { "HGET " B "rec:probe v",                      G|R|O, false },
    { "HMGET " B "rec:probe v d",                   G|N|R|O, false },
    { "HSET " B "rec:probe v 3",                    G|O, false },
    { "HDEL " B "rec:probe v",                      0, false },
    { "HINCRBY " B "rec:probe v 1",                 0, false },
    { "SET " B "rec:other probe",                   0, false },
    { "RENAME " B "rec:probe " B "rec:other",       0, false },
    { "EXPIRE " B "rec:probe 1000",                 0, false },
    { "DEL " B "rec:probe",                         O, false },
    { "UNLINK " B "rec:probe",                      0, false },
    { "DEL {dmp:00}:rec:probe",                     0, true },

    /* the trace */
    { "XADD " B "trace * b probe o S",              G|O, false },
    { "XREAD COUNT 1 STREAMS " B "trace 0",         S|T|R|O, false },
    { "XRANGE " B "trace - + COUNT 1",              G|S|T|R|O, false },
    { "XREVRANGE " B "trace + - COUNT 1",           T|R|O, false },
    { "XINFO STREAM " B "trace",                    S|T|R|O, false },
    { "XLEN " B "trace",                            T|R|O, false },
    { "DEL {dmp:00}:trace",                         0, true },
    { "XTRIM " B "trace MAXLEN 0",                  T, false },
    { "XDEL " B "trace 0-1",                        0, false },
    { "XSETID " B "trace 18446744073709551615-1",   0, false },

    /* a holder's history */
    { "RPUSH " B "idx:probe probe",                 G|O, false },
    { "LLEN " B "idx:probe",                        G|T|R|O, false },
    { "LRANGE " B "idx:probe 0 -1",                 G|T|R|O, false },
    { "LTRIM " B "idx:probe 0 -1",                  T, false },
    { "LSET " B "idx:probe 0 other",                0, false },
    { "LPOP " B "idx:probe",                        0, false },

    /* a writer's head */
    { "HMGET " B "w:probe h",                       G|S|T|R|O, false },
    { "HSET " B "w:probe h probe",                  G|O, false },
    { "HDEL " B "w:probe h",                        0, false },
    { "HGET " B "w:probe h",                        G|R|O, false },

    /* notices */
    { "HMGET " B "seen:probe probe",                G, false },
    { "HSET " B "seen:probe probe 1",               G, false },
    { "HDEL " B "seen:probe probe",                 0, false },
    { "XADD " B "outbox * k probe",                 G|O, false },
    { "XLEN " B "outbox",                           G|T|N|O, false },
    { "XGROUP CREATE " B "outbox probe 0",          N, false },
    { "XREADGROUP GROUP probe probe COUNT 1 STREAMS " B "outbox >",
                                                    N, false },
    { "XPENDING " B "outbox probe",                 T|N|O, false },
    { "XCLAIM " B "outbox probe probe 0 0-1",       N, false },
    { "XAUTOCLAIM " B "outbox probe probe 0 0",     0, false },
    { "XACK " B "outbox probe 0-1",                 N, false },
    { "XINFO GROUPS " B "outbox",                   T, false },
    { "XGROUP DESTROY " B "outbox probe",           0, false },
    { "XRANGE " B "outbox - + COUNT 1",             T|N|O, false },
    { "XREVRANGE " B "outbox + - COUNT 1",          T, false },
    { "XTRIM " B "outbox MAXLEN 0",                 T, false },
    { "XDEL " B "outbox 0-1",                       N, false },

    /* those that could not be delivered */
    { "XADD " B "dead * k probe",                   N, false },
    { "XLEN " B "dead",                             N|O, false },
    { "XRANGE " B "dead - + COUNT 1",               O, false },
    { "WATCH " B "dead",                            O, false },
    { "MULTI",                                      N|R|O, false },
    { "XDEL " B "dead 0-1",                         O, false },
    { "DISCARD",                                    N|R|O, false },
    { "XTRIM " B "dead MAXLEN 0",                   0, false },
    { "DEL {dmp:00}:dead",                          0, true },

    /* a closed bucket */
    { "FCALL dmp1_close 3 " B "closed dmp:closed dmp:meta probe probe probe 0",
                                                    G, true },
    { "HSET " B "closed by probe",                  G, false },
    { "EXISTS " B "closed",                         G|O, false },
    { "HMGET " B "closed by why at",                R|O, false },
    { "HGET " B "closed by",                        0, false },
    { "HDEL " B "closed by",                        0, false },
    { "DEL " B "closed",                            O, false },
    { "DEL {dmp:00}:closed",                        O, true },
    { "SADD dmp:closed probe",                      G|O, true },
    { "SMEMBERS dmp:closed",                        G|R|O, false },
    { "SREM dmp:closed probe",                      O, false },
    { "DEL dmp:closed",                             0, true },

    /* the store's own values */
    { "HMGET dmp:meta schema",                      G|S|T|N|R|O, false },
    { "HGET dmp:meta schema",                       R|O, false },
    { "HGETALL dmp:meta",                           G|S|R|O, false },
    { "HSET dmp:meta schema 1",                     O, false },
    { "HSETNX dmp:meta schema 1",                   O, false },
    { "HINCRBY dmp:meta buckets 0",                 0, false },
    { "HDEL dmp:meta probe",                        0, false },
    { "DEL dmp:meta",                               0, true },
    { "HSET dmp:writers probe 1",                   G, true },
    { "HDEL dmp:writers probe",                     G, false },
    { "HGETALL dmp:writers",                        G|R|O, false },
    { "DEL dmp:writers",                            0, true },

    /* the index of documents */
    { "HSET " B "docs:probe probe probe",           G|O, false },
    { "HMGET " B "docs:probe probe",                G|R|O, false },
    { "HGET " B "docs:probe probe",                 R|O, false },
    { "HGETALL " B "docs:probe",                    G, false },
    { "HSCAN " B "docs:probe 0",                    O, false },
    { "HDEL " B "docs:probe other",                 G|O, false },
    { "SET dmp:doc:probe probe GET",                G|O, false },
    { "GET dmp:doc:probe",                          G|O, false },
    { "EVAL return{redis.call('GET',KEYS[1])} 1 dmp:doc:probe",
                                                    O, false },
    { "EVAL return{redis.call('DEL',KEYS[1])} 1 dmp:doc:probe",
                                                    O, false },
    { "EVAL return{redis.call('HGET',KEYS[1],'v')} 1 " B "rec:probe",
                                                    0, false },
    { "DEL dmp:doc:probe",                          O, false },
    { "SADD dmp:att:probe probe",                   G|O, false },
    { "SMEMBERS dmp:att:probe",                     G|O, false },
    { "SISMEMBER dmp:att:probe probe",              O, false },
    { "SRANDMEMBER dmp:att:probe 64",               O, false },
    { "SSCAN dmp:att:probe 0",                      O, false },
    { "SREM dmp:att:probe probe",                   G|O, false },
    { "DEL dmp:att:probe",                          0, false },

    /* traits, the directory, its lock */
    { "SADD dmp:traits:probe probe",                G|O, false },
    { "SRANDMEMBER dmp:traits:probe 64",            G, false },
    { "SREM dmp:traits:probe probe",                G|O, false },
    { "HSET dmp:dir:probe v 1",                     O, false },
    { "HMGET dmp:dir:probe v d",                    G|R|O, false },
    { "DEL dmp:dir:probe",                          O, false },
    { "SET dmp:lock:probe probe NX PX 60000",       O, false },
    { "GET dmp:lock:probe",                         O, false },
    { "PTTL dmp:lock:probe",                        O, false },
    { "PEXPIRE dmp:lock:probe 60000",               O, false },
    { "EVAL return{redis.call('PEXPIRE',KEYS[1],ARGV[1])} 1 dmp:lock:probe"
      " 60000",                                     O, false },
    { "DEL dmp:lock:probe",                         O, false },

    /* what is not ours */
    { "GET dmp-probe",                              0, false },
    { "HGETALL dmp-probe",                          0, false },
    { "SET dmp-probe probe GET",                    0, true },

    /* the end of everything */
    { "FLUSHALL",                                   0, true },
    { "FLUSHDB",                                    0, true },
    { "SHUTDOWN",                                   0, true },
    { "CONFIG SET appendfsync no",                  0, true },
    { "CONFIG REWRITE",                             0, true },
    { "DEBUG SLEEP 0",                              0, true },
    { "FUNCTION DELETE dmp1",                       0, true },
    { "FUNCTION FLUSH",                             0, true },
    { "FUNCTION RESTORE probe",                     0, true },
    { "SCRIPT FLUSH",                               0, true },
    { "ACL SETUSER probe",                          0, true },
    { "ACL LOAD",                                   0, true },
    { "REPLICAOF NO ONE",                           0, true },
    { "FAILOVER",                                   0, true },
    { "SWAPDB 0 1",                                 0, true },
    { "KEYS probe",                                 0, true },
    { "MONITOR",                                    0, true },
    { "BGREWRITEAOF",                               0, true },
    { "CLIENT KILL ID 0",                           0, true },
    { "MODULE LOAD probe",                          0, true },
    { "PUBLISH probe probe",                        0, true },
    { NULL,                                         0, false }
};

_Static_assert(sizeof(init_probes) / sizeof(init_probes[0]) <= INIT_PROBES_MAX,
               "more probes than results");
