#!/usr/bin/perl

# dmpctl audit verify against a real store: what it says of a whole trace, and
# each way to tamper with one that the threat model names, done to the store by
# its owner ("attack N", docs/security.md); keys, logs, closed buckets, users.

use strict;
use warnings;

use lib 't/lib';

use Digest::SHA qw(sha256);
use JSON::PP;
use Test::More;

use DMP ();
use DMP::Index qw($dmpctl $martin $durand $bernard $paoli $keys $rc $out $err run);
use DMP::Proc qw(dir slurp);
use DMP::Tamper;
use DMP::Writer;
use FakeRedis;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;

my @where = ('--redis', DMP::redis_address());
my @key = ('--audit-public-key', "$keys/audit.pub");
my @verify = ('audit', 'verify', @where, @key);
my $said;


# ------------------------------------------------------------------ helpers

# The exit code that it must be; what it says is kept in $said.
sub verify
{
    my ($want, $name, @options) = @_;

    my @command = ref $options[0] ? @{ shift @options } : @verify;

    is run(@command, '--json', '--all', @options), $want, $name or diag $out, $err;
    $said = $want < 2 ? decode_json($out) : {};

    return $said;
}

# One attack: done, told (the code of the first finding, or of one of them),
# undone.
sub attack
{
    my ($name, $code, $text, $do, %o) = @_;

    my $saved = saved();

    $do->();
    verify(1, "$name: broken");

    my ($told) = $o{any} ? grep { $_->{code} eq $code } @{ $said->{all} } : $said->{first};

    is $told->{code}, $code, "$name: as what" or diag explain $said->{all};
    like $told->{text}, $text, "$name: in words";
    is "$told->{bucket}, $told->{id}", "$o{at}{bucket}, $o{at}{id}", "$name: where"
        if $o{at};

    is run(@verify), 1, "$name: for people";
    like $out, qr/THE TRACE IS BROKEN/, "$name: as loud";

    put_back($saved);
}


# ---------------------------------------------------------------- the store

# it is written anew after each attack, and nothing here asks for durability
DMP::redis('CONFIG', 'SET', 'appendonly', 'no');
is run('init', @where, '--buckets', $BUCKETS), 0, 'a store' or diag $err;
DMP::redis('HSET', 'dmp:meta', 'deadline_ms', 10);

my @people = map { sprintf '2850399%06d', $_ } 1 .. 12;
$_ .= sprintf '%02d', 97 - $_ % 97 for @people;

my $records = write_file('people.jsonl', map { encode_json({ ins => $_, status => 'open' })
    . "\n" } @people, $martin, $durand);
my @import = ('--record-key', "$keys/record.key", '--pseudonym-key', "$keys/pseudonym.key",
    '--audit-key', "$keys/audit.key");

is run('record', 'import', $records, @where, @import), 0, 'records' or diag $err;
is run('record', 'block', $martin, '899700314422', @where, @import, '--policy',
    DMP::policy()), 0, 'a change' or diag $err;

my @patients = map { P($_) } @people;

# a gateway of before, which has ended
my $before = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS, heartbeat => 30);
$before->open;
$before->access($patients[2], version($patients[2]));
$before->close;

# and one that is alive: accesses, one of them not forwarded
# (it promises no heartbeats: this file may take longer than one may be late)
my $gate = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
my $opened = $gate->open;
my @reads = map { $gate->access($_, version($_)) } @patients, @patients;
$gate->checkpoint;
$gate->abandon($reads[3]);
$gate->checkpoint('heartbeat');


# ---------------------------------------------------------- a whole trace

verify(0, 'whole');
is $said->{whole}, JSON::PP::true, 'it says so';
is_deeply [@$said{qw(findings writers records silent not_signed recovered commands)}],
    [0, 4, 14, 0, 0, 0, 0], 'its figures' or diag explain $said;
is $said->{entries}, eval { my $n = 0; $n += DMP::redis('XLEN', key($_, 'trace'))
    for 0 .. $BUCKETS - 1; $n }, 'all entries';
is_deeply $said->{all}, [], 'no finding';
is_deeply $said->{closed}, [], 'no closed bucket';

is run(@verify), 0, 'for people';
like $out, qr/^\d+ entries, 4 writers, \d+ epochs, \d+ checkpoints, 14 records;/m, 'in words';
like $out, qr/^The trace is whole\.$/m, 'whole';


# ------------------------------------------------------------------ attacks

my $home = $gate->{home};
my ($one) = grep { $_->{bucket} != $home } @reads;
my $later = (grep { $_->{bucket} == $one->{bucket} } @reads)[1];

attack('attack 1: an edited entry', 'edited', qr/bytes were changed/, sub {
    rewrite($one->{bucket}, sub {
        my ($list) = @_;
        $list->[index_of($list, $one)][1] =~ s/192\.0\.2\.17/192.0.2.18/;
    });
}, at => $one);

attack('attack 2: an entry that was cut out', 'missing', qr/missing/, sub {
    rewrite($one->{bucket}, sub { splice @{ $_[0] }, index_of($_[0], $one), 1 });
});

attack('attack 2: XDEL', 'deleted', qr/were deleted, this one as the last/, sub {
    DMP::redis('XDEL', key($one->{bucket}, 'trace'), $one->{id});
}, any => 1);

attack('attack 3: two entries of a writer in another order', 'order',
    qr/a second time or out of order/, sub {
    rewrite($one->{bucket}, sub {
        my ($list) = @_;
        my ($i, $j) = map { index_of($list, $_) } $one, $later;
        @{ $list->[$i] }[1, 2] = @{ $list->[$j] }[1, 2];
        @{ $list->[$j] }[1, 2] = ($one->{body}, $one->{outcome});
    });
}, any => 1);

# the heads of both writers still fit: only the ids are others
attack('attack 3: entries of two writers in another order', 'outcome', qr/outcome or the id/,
    sub {
        rewrite(bucket_of($patients[0]), sub {
            my ($list) = @_;
            my $i = index_of($list, $reads[0]);
            my ($other) = grep { $list->[$_][1] !~ /"writer":"\Q$gate->{name}\E"/ }
                reverse 0 .. $i - 1;
            my @held = @{ $list->[$other] }[1, 2];
            @{ $list->[$_] }[1, 2] = @{ $list->[$_ + 1] }[1, 2] for $other .. $i - 1;
            @{ $list->[$i] }[1, 2] = @held;
        });
    }, any => 1);

attack('attack 4: a forged entry in a chain', 'missing', qr/missing|signed|named/, sub {
    my ($last) = reverse entries($one->{bucket});
    my $forged = $one->{body} =~ s/"seq":\d+/"seq":@{[ $later->{seq} + 50 ]}/r;
    DMP::redis('XADD', key($one->{bucket}, 'trace'), '*', 'b', $forged, 'o', '1');
}, any => 1);

attack('attack 4: a forged writer', 'certificate', qr/certificate is not signed/, sub {
    DMP::Index::run('keygen', 'audit', dir() . '/forger') if mkdir dir() . '/forger';
    my $forger = DMP::Writer->new(key => dir() . '/forger/audit.key', buckets => $BUCKETS);
    $forger->open;
    $forger->access($patients[0], version($patients[0]));
    $forger->close;
});

attack('attack 4: no entry at all', 'format', qr/not an entry/, sub {
    DMP::redis('XADD', key(2, 'trace'), '*', 'b', '{}', 'o', '1');
});

attack('attack 4: more than an entry', 'format', qr/not an entry/, sub {
    DMP::redis('XADD', key(2, 'trace'), '*', 'b', $one->{body}, 'o', '1', 'x', 'y');
});

attack('attack 4: an entry larger than any', 'format', qr/not an entry/, sub {
    DMP::redis('XADD', key(2, 'trace'), '*', 'b', '{' . ' ' x 1_000_000 . '}', 'o', '1');
});

my $w = key($one->{bucket}, "w:$gate->{name}");

sub cut_tail
{
    my ($from) = @_;

    rewrite($from->{bucket}, sub { splice @{ $_[0] }, index_of($_[0], $from) });
}

attack('attack 5: the tail cut off', 'missing', qr/missing/, sub { cut_tail($later) },
    any => 1);

attack('attack 5: the tail and the head', 'missing', qr/missing/, sub {
    cut_tail($later);
    DMP::redis('HSET', $w, 'h', DMP::head(@$one{qw(epoch seq)}, sha256($one->{body})));
    is eval { $gate->access($one->{patient}, version($one->{patient})); 1 } // $@, "CHAIN\n",
        'attack 5: the writer is told at its next request';
}, any => 1);

attack('attack 5: a head rolled back alone', 'head', qr/store's head/, sub {
    DMP::redis('HSET', $w, 'h', DMP::head(@$one{qw(epoch seq)}, sha256($one->{body})));
}, any => 1);

attack('attack 5: a head that is gone', 'head', qr/head/, sub { DMP::redis('DEL', $w) },
    any => 1);

# what no signature covered yet, of a worker that is killed: its successor knows
attack('attack 6: the tail of a killed worker', 'missing', qr/missing/, sub {
    my $killed = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
    $killed->open;
    $killed->checkpoint;
    my $lost = $killed->access($patients[0], version($patients[0]));
    my $next = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
    $next->open;
    $next->close_other($killed, 'memory');
    cut_tail($lost) if $lost->{bucket} != $next->{home};
    rewrite($lost->{bucket}, sub { splice @{ $_[0] }, index_of($_[0], $lost), 1 })
        if $lost->{bucket} == $next->{home};
    DMP::redis('DEL', key($lost->{bucket}, "w:$killed->{name}"));
    DMP::redis('RPOP', idx($patients[0]));
}, any => 1);

attack('attack 7: cut, and then as if it had been idle', 'silence',
    qr/105 s without a signed entry before this one/,
    sub {
        my $idle = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS,
            heartbeat => 30);
        my $now = time;
        $idle->at($now - 120)->open;
        $idle->at($now - 110)->checkpoint('heartbeat');
        $idle->at($now - 5)->checkpoint('heartbeat');
        $idle->close;
    });

attack('attack 8: all entries of a writer', 'missing', qr/the store's head/, sub {
    for my $bucket (0 .. $BUCKETS - 1) {
        rewrite($bucket, sub { @{ $_[0] }
            = grep { $_->[1] !~ /"writer":"\Q$before->{name}\E"/ } @{ $_[0] } });
    }
}, any => 1);

attack('attack 8: all entries of a writer, and its heads', 'history', qr/holder's list/, sub {
    for my $bucket (0 .. $BUCKETS - 1) {
        rewrite($bucket, sub { @{ $_[0] }
            = grep { $_->[1] !~ /"writer":"\Q$before->{name}\E"/ } @{ $_[0] } });
        DMP::redis('DEL', key($bucket, "w:$before->{name}"));
    }
});

attack('attack 8: a bucket', 'missing', qr/missing/, sub {
    DMP::redis('DEL', @{ DMP::redis('KEYS', key($one->{bucket}, '*')) });
}, any => 1);

# the bucket as it was before the gateway's last access and its signature
attack('attack 9: an old snapshot of a bucket', 'missing', qr/missing/, sub {
    my $bucket = bucket_of($patients[0]);
    my ($elsewhere) = map { my $x = $_; $x } grep { $_ != $bucket } 0 .. $BUCKETS - 1;
    my $old = saved(key($bucket, '*'));
    my $writer;
    do {
        $writer = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
    } until $writer->{home} == $elsewhere;
    $writer->open;
    $writer->access($patients[0], version($patients[0]));
    $writer->checkpoint;
    put_back($old, key($bucket, '*'));
}, any => 1);

# an access that the store let through on a version that was no longer current
attack('attack 10: the store lies about a version', 'version', qr/version/, sub {
    my $blocked = P($martin);
    my $now = version($blocked);
    my $liar = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
    $liar->open;
    DMP::redis('HSET', rec($blocked), 'v', $now - 1);
    is $liar->access($blocked, $now - 1)->{outcome}, 1, 'attack 10: allowed';
    DMP::redis('HSET', rec($blocked), 'v', $now);
    $liar->close;
});

attack('attack 11: the version of a record', 'version', qr/version/, sub {
    DMP::redis('HINCRBY', rec($patients[1]), 'v', 1);
});

attack('attack 11: a version that is no number', 'version', qr/version/, sub {
    DMP::redis('HSET', rec($patients[1]), 'v', 'x');
});

attack('attack 11: a record that is gone', 'version', qr/version|record/, sub {
    DMP::redis('DEL', rec($patients[1]));
});

attack('attack 11: a record that the trace knows nothing of', 'version', qr/version|record/,
    sub {
        my $made = substr 'AAAAAAAAAAAAAAAAAAAAAAAA', 0, 22;
        DMP::redis('HSET', rec($made), 'v', 5, 'd', 'x');
    });

attack('attack 12: a change that is hidden', 'missing', qr/missing/, sub {
    my $blocked = P($martin);
    rewrite(bucket_of($blocked), sub { @{ $_[0] } = grep {
        $_->[1] !~ /"patient":"\Q$blocked\E".*"change":"block"/ } @{ $_[0] } });
}, any => 1);

attack('attack 13: a gateway\'s rights used to empty a stream', 'deleted',
    qr/\d+ entries were added to the stream, and it has 0/, sub {
    DMP::redis('XADD', key($one->{bucket}, 'trace'), 'MAXLEN', 0, '*', 'b', 'x', 'o', 'S');
}, any => 1);

attack('attack 13: to use up its ids', 'format', qr/not an entry/, sub {
    DMP::redis('XADD', key($one->{bucket}, 'trace'), '18446744073709551615-18446744073709551615',
        'b', 'x', 'o', 'S');
    ok !eval { $gate->access($one->{patient}, version($one->{patient})); 1 },
        'attack 13: no access goes on';
});

# 16 entries are what is asked for at first: nothing may be asked for beyond
attack('attack 13: the last id, at the end of what was read', 'format', qr/not an entry/, sub {
    my %len = map { $_ => DMP::redis('XLEN', key($_, 'trace')) } 0 .. $BUCKETS - 1;
    my ($shortest) = sort { $len{$a} <=> $len{$b} } keys %len;
    my $trace = key($shortest, 'trace');

    cmp_ok $len{$shortest}, '<', 16, 'attack 13: room for it';
    DMP::redis('XADD', $trace, '*', 'b', 'x', 'o', 'S') for $len{$shortest} .. 14;
    DMP::redis('XADD', $trace, '18446744073709551615-18446744073709551615', 'b', 'x', 'o', 'S');
});

attack('an outcome that was turned', 'outcome', qr/outcome/, sub {
    rewrite($one->{bucket}, sub { $_[0][index_of($_[0], $one)][2] = '0' });
}, any => 1);

for my $case (
    ['cut at its end', sub { DMP::redis('RPOP', idx($patients[0])) }],
    ['cut at its start', sub { DMP::redis('LPOP', idx($patients[0])) }],
    ['with an entry more', sub { DMP::redis('LPUSH', idx($patients[0]), "\0\0\0\0\0\1\0\0") }],
    ['with what is no entry', sub { DMP::redis('LSET', idx($patients[0]), 0, 'x') }],
    ['that is gone', sub { DMP::redis('DEL', idx($patients[0])) }],
) {
    attack("a history $case->[0]", 'history', qr/holder's list/, $case->[1]);
}

verify(0, 'all was put back');


# --------------------------------------------------------------------- keys

my $other = dir() . '/other';
mkdir $other or die "$other: $!\n";
is run('keygen', 'audit', $other), 0, 'another key';

my $whole = saved();
my $rotated = DMP::Writer->new(key => "$other/audit.key", buckets => $BUCKETS);
$rotated->open;
$rotated->access($patients[0], version($patients[0]));
$rotated->close;

verify(0, 'two keys, both given', '--audit-public-key', "$other/audit.pub");
verify(1, 'two keys, one given');
is $said->{first}{code}, 'certificate', 'the other is nobody\'s';

my $ring = dir() . '/ring';
mkdir $ring or die "$ring: $!\n";
is run('audit', 'verify', @where, '--keyring', $ring), 3, 'an empty folder';
like $err, qr/\Q$ring\E: no key/, 'it is named';
write_file("ring/$_->[0].pub", slurp($_->[1])) for ['old', "$keys/audit.pub"],
    ['new', "$other/audit.pub"];
write_file('ring/README', 'not a key');
verify(0, 'a folder of keys', ['audit', 'verify', @where, '--keyring', $ring]);
write_file('ring/bad.pub', 'not a key');
is run('audit', 'verify', @where, '--keyring', $ring), 3, 'a key that is none';
like $err, qr/bad\.pub/, 'it is named';
is run('audit', 'verify', @where, '--keyring', "$ring/nowhere"), 3, 'no folder';
put_back($whole);


# --------------------------------------------------------------------- logs

sub line
{
    my ($receipt) = @_;

    return qq(192.0.2.1 - - [22/Nov/2026:03:06:48 +0000] "GET /fhir HTTP/1.1" 200 17 )
        . qq("$receipt" "-"\n);
}

my @good = map { line(DMP::Writer::receipt($_)) } @reads[0 .. 2];

verify(0, 'a log', '--backend-log', write_file('good.log', @good));
is_deeply [$said->{receipts}, $said->{log}], [3, { lines => 3, receipts => 3, without => 0 }],
    'its receipts';
verify(0, 'strictly', '--backend-log', dir() . '/good.log', '--strict-log');
verify(0, 'as JSON lines, without an end', '--backend-log', write_file('json.log',
    encode_json({ a => 1, receipt => DMP::Writer::receipt($reads[0]) })));
is $said->{log}{receipts}, 1, 'it is found';

my %wrong = (
    'a made up sequence' => { %{ $reads[0] }, seq => 4711 },
    'a made up writer' => { %{ $reads[0] }, writer => 'gate/0123456789abcdef' },
    'another request\'s trace id' => { %{ $reads[0] }, trace => $reads[1]{trace} },
    'another bucket' => { %{ $reads[0] }, bucket => ($reads[0]{bucket} + 1) % $BUCKETS },
    'an entry of another kind' => { %$opened, trace => $reads[1]{trace} },
    'one that was abandoned' => $reads[3],
);

for my $name (sort keys %wrong) {
    verify(1, "$name", '--backend-log',
        write_file('wrong.log', @good, line(DMP::Writer::receipt($wrong{$name}))));
    is $said->{first}{code}, 'receipt', "$name: as what" or diag explain $said->{all};
    is $said->{receipts}, 3, "$name: the others are found";
}

my $none = write_file('none.log', $good[0], line('-'), "\n", $good[1]);
verify(0, 'a line without a receipt', '--backend-log', $none);
is_deeply $said->{log}, { lines => 3, receipts => 2, without => 1,
    first => { file => $none, line => 2 } }, 'it is counted';
is run(@verify, '--backend-log', $none), 0, 'for people';
like $out, qr/^1 lines have no receipt \(the first: \Q$none\E, line 2\)/m, 'it is told';
verify(1, 'strictly', '--backend-log', $none, '--strict-log');
is $said->{findings}, 0, 'of the trace there is nothing to say';
is run(@verify, '--backend-log', $none, '--strict-log'), 1, 'for people';
like $out, qr/WITHOUT A TRACE.*\n  \Q$none\E, line 2\n/, 'it is told';

verify(0, 'the longest line', '--backend-log', write_file('long.log',
    $good[0], 'x' x 65_536, "\n", $good[1]));
is $said->{log}{lines}, 3, 'it is one';
is run(@verify, '--backend-log', write_file('long.log', $good[0], 'x' x 65_537, "\n")), 3,
    'a longer one';
like $err, qr/long\.log: line 2: longer than 65536 bytes/, 'it is named';
is run(@verify, '--backend-log', dir() . '/nowhere'), 3, 'no such log';
is run(@verify, '--backend-log', dir()), 3, 'a folder';


# ----------------------------------------------- what is known and no break

DMP::redis('SADD', 'dmp:closed', 1, 3);
DMP::redis('FCALL', 'dmp1_close', 3, key(1, 'closed'), 'dmp:closed', 'dmp:meta', $gate->{name},
    "it went \e[31mback", 1, 0);
verify(0, 'closed buckets are no break');
is_deeply [map { "$_->{bucket} $_->{by}" } @{ $said->{closed} }], ["1 $gate->{name}", '3 '],
    'they are told';
run(@verify);
like $out, qr/^bucket 1 is CLOSED since \d{4}-\S+Z: "it went \\u\{1b\}\[31mback", says "gate/m,
    'in words';
like $out, qr/^bucket 3 is named in dmp:closed, but/m, 'and what does not fit';
put_back($whole);

my $lone = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS, heartbeat => 30);
$lone->at(time - 100)->open;
$lone->at(time - 95)->checkpoint;
verify(0, 'a writer that fell silent');
is $said->{silent}, 1, 'it is told';
run(@verify);
like $out, qr/^1 epoch promised signed entries and fell silent/m, 'in words';

my $heir = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
$heir->open;
$heir->close_other($lone, 'memory');
verify(0, 'and was ended by another');
is_deeply [@$said{qw(silent ended_by_successor ended_by_store)}], [0, 1, 0], 'it is told';
put_back($whole);

$lone = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
$lone->open;
$heir = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
$heir->open;
$heir->close_other($lone, 'store');
verify(0, 'a writer that was ended by the store\'s heads');
is_deeply [@$said{qw(ended_by_successor ended_by_store)}], [0, 1], 'it is told';
$heir->access($patients[0], version($patients[0]));
verify(0, 'what is not signed yet');
is $said->{not_signed}, 1, 'is counted';
run(@verify);
like $out, qr/^1 entry stands after the last signed heads/m, 'and told';
put_back($whole);


my $operator = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS);
$operator->open;
my $begun = $operator->admin('index build');
verify(0, 'a command that has not ended');
is $said->{commands}, 1, 'is counted';
run(@verify);
like $out, qr/^1 command of an operator did not end/m, 'and told';
$operator->admin('index build', $begun);
is verify(0, 'and one that has')->{commands}, 0, 'is not';

rewrite($one->{bucket}, sub { $_[0][index_of($_[0], $one)][2] = '0' });
verify(1, 'a break before a recovery');
my $found = $said->{findings};
my $reopened = $operator->admin('audit recover', undef, $one->{bucket});
$operator->admin('audit recover', $reopened, $one->{bucket});
$operator->close;
verify(1, 'stays one');
verify(0, 'but for who asks for what came since', '--since-recovery');
is $said->{recovered}, $found, 'it is counted apart';
run(@verify, '--since-recovery');
like $out, qr/before an operator's recovery.*^The trace is whole\.$/ms, 'and told';

my $other_bucket = (grep { $_->{bucket} != $one->{bucket} } @reads)[0];
rewrite($other_bucket->{bucket}, sub {
    $_[0][index_of($_[0], $other_bucket)][2] = '0' });
verify(1, 'another bucket was not recovered', '--since-recovery');
is $said->{first}{bucket}, $other_bucket->{bucket}, 'it is named';
put_back($whole);


# -------------------------------------------------------------------- users

DMP::redis('ACL', 'SETUSER', 'reader', 'on', '>secret', 'resetkeys', '%R~dmp:*',
    '%R~{dmp:*}:trace', '%R~{dmp:*}:w:*', '%R~{dmp:*}:closed', '+hget', '+hmget', '+scan',
    '+multi', '+exec', '+time', '+xinfo|stream', '+xrange', '+smembers', '+lrange');
my @reader = (@verify, '--user', 'reader', '--password-file',
    write_file('password', "secret\n"));

verify(0, 'a user who may not read records', [@reader, '--no-records']);
is run(@reader), 3, 'and is asked to';
like $err, qr/NOPERM/, 'the store says why';
run(@reader, '--no-records');
like $out, qr/^records and histories were not looked at$/m, 'what was left out is told';

DMP::redis('HINCRBY', rec($patients[1]), 'v', 1);
verify(0, 'what was left out is not seen', [@reader, '--no-records']);
put_back($whole);

DMP::redis('ACL', 'SETUSER', 'reader', '-xinfo');
is run(@reader, '--no-records'), 3, 'a user who may not see the streams';
like $err, qr/NOPERM.*xinfo/i, 'the store says why';
DMP::redis('ACL', 'SETUSER', 'reader', '+xinfo|stream', '-xrange');
is run(@reader, '--no-records'), 3, 'nor read them';
like $err, qr/XRANGE: NOPERM/, 'the store says why';
DMP::redis('ACL', 'DELUSER', 'reader');

for my $case ([qr/^HMGET dmp:meta/, 'LOADING'], [qr/^SCAN/, 'MASTERDOWN'],
    [qr/^XRANGE/, 'BUSY'], [qr/^EXEC/, 'EXECABORT'], [qr/^HGET/, 'LOADING'],
    [qr/^LRANGE/, 'WRONGTYPE'], [qr/^SMEMBERS/, 'NOPERM'])
{
    my ($command, $word) = @$case;
    my $fake = FakeRedis->new(DMP::redis_address(), [$command, 'error', "$word because"]);

    is run('audit', 'verify', '--redis', $fake->address, @key), 3, "$word at $command";
    like $err, qr/$word because/, 'the store\'s words';
    is $out, '', 'and none of ours';
}

for my $case ([qr/^XRANGE/, 'close'], [qr/^XRANGE/, 'truncate', 100],
    [qr/^XRANGE/, 'reply', "*1\r\n\$3\r\nabc\r\n"], [qr/^XRANGE/, 'reply', "hello\r\n"],
    [qr/^LRANGE/, 'reply', ":7\r\n"], [qr/^EXEC/, 'reply', "*0\r\n"],
    [qr/^HGET/, 'close'])
{
    my $fake = FakeRedis->new(DMP::redis_address(), $case);

    is run('audit', 'verify', '--redis', $fake->address, @key), 3, "@$case[0, 1]";
    like $err, qr/^dmpctl: store: .*(?:closed|lost|EOF|unexpected answer)/m, 'in words';
}

my $slow = FakeRedis->new(DMP::redis_address(), [qr/^XRANGE/, 'split', 7],
    [qr/^HGET/, 'split', 1]);
verify(0, 'answers in small pieces', ['audit', 'verify', '--redis', $slow->address, @key]);


# -------------------------------------------------------------------- usage

for my $case (
    [[@where], qr/--audit-public-key or --keyring is needed/],
    [[@where, @key, '--strict-log'], qr/--strict-log needs --backend-log/],
    [[@where, @key, 'x'], qr/"x"/],
    [[@where, @key, '--nothing'], qr/"--nothing"/],
    [[@where, '--keyring'], qr/--keyring needs a value/],
) {
    is run('audit', 'verify', @{ $case->[0] }), 2, "usage: @{ $case->[0] }[2 .. $#{ $case->[0] }]";
    like $err, $case->[1], 'the word is named';
}

is run('help', 'audit', 'verify'), 0, 'help';
like $out, qr/--keyring DIR.*--redis unix:PATH/s, 'it says all';

done_testing;
