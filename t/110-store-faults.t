# A store that answers late, wrongly, or with somebody else's answer.  After
# each fault: the record host received nothing for it, nothing of the record
# left, later requests are served again, and the trace proves whole.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeRedis;
use Test::More;

# What the scripted Redis cannot do by itself.
package AwkwardRedis {
    our @ISA = ('FakeRedis');

    sub send_what_is_due
    {
        my ($self, $c) = @_;

        my @commits = grep { "@{ $_->{words} }[0, 1]" eq 'FCALL dmp1_trace' }
            grep { @{ $_->{words} } > 1 } @{ $c->{queue} };

        # one reply too many
        if ($self->is_on({ when => 'extra' })) {
            $_->{bytes} .= "+OK\r\n"
                for grep { defined $_->{bytes} && !$_->{extra}++ } @commits;
        }

        # the replies of two requests, each to the other
        if (@commits && $self->is_on({ when => 'swap' })) {
            my ($one, $two) = grep { defined $_->{bytes} } @commits;
            return if !$two;
            ($one->{bytes}, $two->{bytes}) = ($two->{bytes}, $one->{bytes});
        }

        # a commit that is still under way when its connection has gone
        for my $reply (@commits) {
            push @{ $self->{late} }, $reply->{words}
                if ($reply->{rule}{when} // '') eq 'straggler' && !$reply->{kept}++;
        }

        if ($self->is_on({ when => 'arrive' })) {
            DMP::Redis->connect($self->{real})->call(@$_)
                for splice @{ $self->{late} // [] };
            $self->off('arrive');
        }

        $self->SUPER::send_what_is_due($c);
    }
}

package main;

our ($Martin, $Paoli) = ('285037512000151', '168112A00405781');

sub array { '*' . @_ . "\r\n" . join '', @_ }
sub bulk { '$' . length($_[0]) . "\r\n$_[0]\r\n" }
sub int_ { ":$_[0]\r\n" }

# to the commit; Redis knows nothing of it
our %Error = map { /^(\S+)/ ? (lc $1 => $_) : () } (
    'LOADING Redis is loading the dataset in memory',
    'BUSY Redis is busy running a script', 'OOM command not allowed',
    'READONLY You can\'t write against a read only replica.',
    'MISCONF Errors writing to the AOF file', 'MASTERDOWN Link is down',
    'NOREPLICAS Not enough good replicas to write.', 'ERR Function not found',
    'NOPERM this user has no permissions', 'NOAUTH Authentication required.',
    'WRONGTYPE Operation against a key');

our %Shape = (
    number => int_(1), nil => "\$-1\r\n", status => "+OK\r\n",
    text => bulk('1'), empty => array(), one => array(int_(1)),
    nothing => "*-1\r\n", no_id => array(int_(1), bulk('')),
    bad_id => array(int_(1), bulk('1x-1')), nil_id => array(int_(1), "\$-1\r\n"),
    half_id => array(int_(1), bulk('17-')), number_id => array(int_(1), int_(1)),
    zero_of_two => array(int_(0), bulk('1-1')),
    two => array(int_(2), bulk('1-1')), minus => array(int_(-1), bulk('1-1')),
    one_as_text => array(bulk('1'), bulk('1-1')),
    one_of_three => array(int_(1), bulk('1-1'), bulk('1')),
    zero_of_three => array(int_(0), bulk('1-1'), bulk('1')),
    one_of_four => array(int_(1), bulk('1-1'), bulk('1'), bulk('d')),
    five => array(int_(0), bulk('1-1'), bulk('9'), bulk('d'), bulk('x')),
    no_version => array(int_(0), bulk('1-1'), bulk('x'), bulk('d')),
    no_record => array(int_(0), bulk('1-1'), bulk('9'), "\$-1\r\n"),
    id => bulk('1-1'), id_space => bulk('1-1 '), head => bulk(DMP::head(1, 9, 'h' x 32)),
    other_head => bulk('1-1 ' . DMP::head(1, 9, 'h' x 32)),
    as_array => array(int_(1), bulk('1-1'), bulk(DMP::head(1, 9, 'h' x 32))),
    nested => array(array(int_(1), bulk('1-1'))), http => "HTTP/1.1 400 Bad\r\n\r\n",
);

our %Loaded = (
    l_error => ['error', 'WRONGTYPE Operation against a key'],
    l_text => ['reply', bulk('x')], l_one => ['reply', array(bulk('1'))],
    l_three => ['reply', array(bulk('1'), bulk('d'), bulk('d'))],
    l_version => ['reply', array(bulk('1x'), bulk('d'))],
    l_half => ['reply', array(bulk('1'), "\$-1\r\n")],
    l_types => ['reply', array(array(), array())],
    l_cut => ['truncate', 20], l_close => ['close'], l_big => ['big', 400000],
);

my $commit = qr/^FCALL dmp1_trace/;

our $Fake = AwkwardRedis->new(redis_address(),
    (map { [$commit, error => $Error{$_}, when => $_] } CORE::keys %Error),
    (map { [$commit, reply => $Shape{$_}, when => $_] } CORE::keys %Shape),
    (map { [qr/^HMGET \S+:rec:/, @{ $Loaded{$_} }, when => $_] } CORE::keys %Loaded),
    (map { [$commit, truncate => $_, when => "cut$_"] } 0, 1, 5, 9, 20),
    [$commit, reply => array(bulk('CHAIN'), bulk(DMP::head(1, 9, 'h' x 32))), when => 'chain'],
    [$commit, 'lost', when => 'lost'], [$commit, 'close', when => 'straggler'],
    [$commit, delay => 0.4, when => 'late'],
    [qr/^FUNCTION/, split => 1000, when => 'split'],
    [qr/^/, split => 1, when => 'split'],
);

sub set_record
{
    my ($ins, %more) = @_;

    import_records({ ins => $ins, status => 'open',
        opened_at => '2026-01-05T09:00:00Z', authorisations => { 899700218896 =>
            { since => '2020-01-01', until => '2096-01-01' } }, %more });
}

sub search
{
    my ($ins, @more) = @_;

    return request(get => '/fhir/DocumentReference?patient.identifier='
        . 'urn:oid:1.2.250.1.213.1.4.8|' . ($ins // $Martin), as => 'morel', @more);
}

# The same beside the test; called, it waits for the status.
my $parked = 0;
sub parked
{
    my @args = @_;

    my $out = DMP::Proc::dir() . '/parked.' . ++$parked;
    my $pid = DMP::Proc::start('a request', $out, sub { print search(@args)->{status} });

    return sub { waitpid $pid, 0; slurp($out) };
}

# The key of a kind about this patient: records are told apart by asking.
# The bucket of the last writer's epochs
sub home { (reverse trace(undef, qr/^epoch-open$/))[0]{body}{bucket} }

sub key_of
{
    my ($ins, $kind) = @_;

    my $mark = trace_mark();
    search($ins);
    my ($entry) = trace($mark, qr/^access$/);

    return $entry->{stream} =~ s/trace$/$kind:$entry->{body}{patient}/r;
}

# New workers only: with empty caches, and writers of their own.
sub renew
{
    my %old = map { $_ => 1 } worker_pids();

    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker';
}

# Where a worker's own epochs and outcomes stand is drawn with its name: here
# that is to be another bucket than the patient's.
sub away
{
    while (key_of($Martin, 'rec') =~ /^\{dmp:0*@{[ home() ]}\}/) {
        renew();
        served($_) for $Martin, $Paoli;
    }
}

sub received { scalar grep { $_->{target} =~ /DocumentReference/ } backend() }

sub served
{
    my ($ins) = @_;

    wait_for { search($ins)->{status} == 200 } 'a request that is served';
}

# Nothing of the record, nor of its documents, in this refusal.
sub is_refusal
{
    my ($name, $r, $before) = @_;

    is($r->{status}, 503, "$name: refused");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'trace-unavailable',
        "$name: for that reason");
    is($r->{headers}{'retry-after'}, 1, "$name: come back");
    unlike("$r->{head}$r->{body}", qr/$Martin|MARTIN|Bundle|martin-/,
        "$name: nothing of the record");
    is(received(), $before, "$name: the record host received nothing");
}

sub faults
{
    my @names = @_;

    for my $name (@names) {
        renew() if $name =~ /^l_/;     # with an empty cache
        served($name =~ /^l_/ ? $Paoli : $Martin);
        my $before = received();
        $Fake->on($name);
        my $r = search();
        $Fake->off($name);
        is_refusal($name, $r, $before);
        served();
        is(eval { verify_trace(); 1 }, 1, "$name: the trace is whole") or diag($@);
    }
}

sub epochs { scalar(() = trace($_[0], qr/^epoch-open$/)) }

# Every access that was let through has its end, or is listed as abandoned.
sub unaccounted
{
    my ($mark) = @_;

    my (%open, %closed);

    for my $e (trace($mark, qr/^(?:access|outcome)$/)) {
        my $b = $e->{body};
        $open{ $b->{trace} } = 1 if $b->{kind} eq 'access'
            && $b->{decision} eq 'allow' && $e->{outcome} eq '1';
        $closed{$_} = 1 for @{ $b->{abandoned} // [] },
            map { $_->{trace} } @{ $b->{outcomes} // [] };
    }

    return grep { !$closed{$_} } CORE::keys %open;
}

sub abandoned
{
    return map { @{ $_->{body}{abandoned} // [] } } trace($_[0], qr/^outcome$/);
}

DMP::configure(redis => $Fake->address);
DMP::initialise_store();
set_record($Martin);
set_record($Paoli);

DMP::run();

__DATA__

=== TEST 1: errors in place of a commit
--- code
faults(sort CORE::keys %Error);
--- error_log
dmp store is unavailable: it refuses a commit: LOADING
dmp store is unavailable: it refuses a commit: MISCONF
dmp store is unavailable: it refuses a commit: ERR Function not found
dmp store is unavailable: it refuses a commit: \w+
dmp store is available again



=== TEST 2: replies of a wrong type or shape
Only {1, id} lets through; {0, id, version, record} says what is current.
--- code
faults(sort CORE::keys %Shape);
--- error_log
dmp store is unavailable: an unexpected reply to a commit
dmp store is unavailable: (?:connection lost|an |a )



=== TEST 3: a record asked for, and something else that comes
--- code
faults(sort CORE::keys %Loaded);
--- error_log
dmp store is unavailable: it refuses to read a record: WRONGTYPE
dmp store is unavailable: an unexpected reply for a record
dmp store is unavailable: connection lost



=== TEST 4: a reply too many
It may not end the worker: hiredis has an assertion there.
--- code
served();
my ($worker) = worker_pids();
$Fake->on('extra');
my $r = search();
$Fake->off('extra');
like($r->{status}, qr/^(?:200|503)$/, 'an answer of ours');
served();
is_deeply([worker_pids()], [$worker], 'by the same worker');
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable



=== TEST 5: B5: a reply cut short, then the end of the connection
--- code
faults(map { "cut$_" } 0, 1, 5, 9, 20);
--- error_log
dmp store is unavailable: connection lost



=== TEST 6: the commit stands, its reply is lost
--- code
served();
my ($mark, $before) = (trace_mark(), received());
$Fake->on('lost');
my $r = search();
$Fake->off('lost');
is_refusal('lost', $r, $before);
my $id = $r->{headers}{'dmp-trace-id'};
served();
ok((grep { $_->{body}{trace} eq $id && $_->{outcome} eq '1' }
    trace($mark, qr/^access$/)), 'it is in the trace');
wait_for { grep { $_ eq $id } abandoned($mark) } 'it to be listed as abandoned';
wait_for { !unaccounted($mark) } 'all to be accounted for';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: connection lost



=== TEST 7: B10: a reply that is late is no reply, and breaks nothing
--- code
served();
my ($mark, $before) = (trace_mark(), received());
$Fake->on('late');
my $r = search();
$Fake->off('late');
is_refusal('late', $r, $before);
my $id = $r->{headers}{'dmp-trace-id'};
served();
ok((grep { $_->{body}{trace} eq $id && $_->{outcome} eq '1' }
    trace($mark, qr/^access$/)), 'the entry stands');
wait_for { grep { $_ eq $id } abandoned($mark) } 'it to be listed as abandoned';
verify_trace();
is(epochs($mark), 0, 'on the same link');
--- no_error_log
dmp store is unavailable



=== TEST 8: the reply byte by byte
Thousands of them in a handshake: time is not the point.
--- dmp: (redis => $main::Fake->address . ' timeout=20s connect_timeout=20s', http => '# split')
--- code
served();
$Fake->on('split');
is(search()->{status}, 200, 'a commit');
renew();
is(search()->{status}, 200, 'a handshake, a record and a commit');
set_record($Martin);
is(search()->{status}, 200, 'a record in the reply to a commit');
$Fake->off('split');
--- no_error_log
dmp store is unavailable



=== TEST 9: a record of more than hiredis reads at once
--- code
for my $n (500, 2000, 6000) {
    set_record($Martin, masked => [map { "urn:oid:1.2.3.4.$n.$_" } 1 .. $n]);
    is(search()->{status}, 200, "$n masked documents: stale");
    is(search()->{status}, 200, 'cached');
    renew();
    is(search()->{status}, 200, 'and loaded');
    cmp_ok(redis('HSTRLEN', key_of($Martin, 'rec'), 'd'), '>', 16384 * ($n > 500),
        'it is as large as meant');
}
set_record($Martin);
verify_trace();
pass('the trace is whole');



=== TEST 10: the store stops, with all its connections open
--- code
served();
my $mark = trace_mark();
my $redis = redis('INFO', 'server') =~ /process_id:(\d+)/ ? $1 : die;
my $before = received();
kill 'STOP', $redis;
eval {
    is_refusal('stopped', search(), $before);
    wait_for {
        search()->{status} == 503 or die "served\n";
        slurp(DMP::error_log()) =~ /dmp store is unavailable: no answer in time/
    } 'it to be noticed', 8;
    1;
} or fail("while stopped: $@");
kill 'CONT', $redis;
is(received(), $before, 'the record host received nothing');
served();
wait_for { !unaccounted($mark) } 'all to be accounted for';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: no answer in time



=== TEST 11: the head of the chain is said to be another
A broken link, and a new epoch: the store itself says that the head is ours.
--- code
my $mark = trace_mark();
faults('chain');
is(epochs($mark), 1, 'a new epoch');
--- error_log
dmp store is unavailable: an entry does not extend its chain
--- no_error_log
went back or forked



=== TEST 12: a commit arrives after its connection was given up
The head is then one of ours, though not one that the new link has written.
--- code
served();
away();
my ($mark, $before) = (trace_mark(), received());
$Fake->on('straggler');
my $r = search();
$Fake->off('straggler');
is_refusal('straggler', $r, $before);
served($Paoli);
$Fake->on('arrive');
wait_for { grep { $_->{body}{trace} eq $r->{headers}{'dmp-trace-id'} }
    trace($mark, qr/^access$/) } 'the straggler';
served();
DMP::verify_edited();
pass('the trace is whole');
--- error_log
dmp store is unavailable: connection lost
dmp store is unavailable: an entry does not extend its chain
--- no_error_log
went back or forked



=== TEST 13: the replies of two requests, each to the other
--- code
redis('HSET', 'dmp:meta', 'deadline_ms', 5000);
for my $how ('allowed', 'refused') {
    renew();
    served($_) for $Martin, $Paoli;
    set_record($Martin, blocked => ['899700218896']) if $how eq 'refused';
    $Fake->on('swap');
    my ($first, $second) = (parked($Martin), parked($Paoli));
    my @status = ($first->(), $second->());
    $Fake->off('swap');
    isnt($status[0], 200, "$how: the one is not served");
    isnt($status[1], 200, "$how: nor the other");
    served($Paoli);
    is(eval { verify_trace(); 1 }, 1, "$how: the trace is whole") or diag($@);
}
set_record($Martin);
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
renew();
served();
--- error_log
dmp store is unavailable



=== TEST 14: a record that does not open
--- code
served();
my ($martin, $paoli) = map { key_of($_, 'rec') } $Martin, $Paoli;
my %kept = @{ redis('HGETALL', $martin) };
my %other = @{ redis('HGETALL', $paoli) };
my $byte = $kept{d};
substr($byte, 40, 1) ^= "\x01";
my $shift = $kept{v} + 1;
for ([garbage => 'x' x 300], [empty => ''], [short => substr $kept{d}, 0, 20],
    [flipped => $byte], [cut => substr $kept{d}, 0, -1], [grown => "$kept{d}x"],
    ['of another patient' => $other{d}], ['of another version' => $kept{d}])
{
    my ($name, $d) = @$_;
    redis('HSET', $martin, 'v', $shift, 'd', $d);
    renew() if $name eq 'garbage';
    my $before = received();
    is_refusal("$name record", search(), $before);
    is(search($Paoli)->{status}, 200, "$name record: others are served");
    redis('HSET', $martin, 'v', $kept{v}, 'd', $kept{d});
    is(search()->{status}, 200, "$name record: served when it is back");
}
DMP::verify_edited();
pass('the trace is whole');
--- error_log
dmp record of patient \S{22} does not open
--- no_error_log
dmp store is unavailable



=== TEST 15: a record of the wrong type, a version that is no number
--- code
served();
my ($key, $idx) = (key_of($Martin, 'rec'), key_of($Martin, 'idx'));
my %kept = @{ redis('HGETALL', $key) };
for my $v ('x', '-1', '1.5', '', '0', '9' x 30, '0x1', ' 1') {
    redis('HSET', $key, 'v', $v);
    my $before = received();
    is_refusal("version \"$v\"", search(), $before);
    redis('HSET', $key, 'v', $kept{v});
    served();
}
for my $k ($key, $idx) {
    redis('RENAME', $k, 'aside');
    redis('SET', $k, 'x');
    my $before = received();
    is_refusal("a string as $k", search(), $before);
    redis('RENAME', 'aside', $k);
    served();
}
DMP::verify_edited();
pass('the trace is whole');
--- error_log
dmp store is unavailable



=== TEST 16: the store goes back: the bucket is closed, and stays so
--- code
served($_) for $Martin, $Paoli;
away();
my ($entry) = reverse grep { $_->{body}{patient} } trace(undef, qr/^access$/);
my $key = key_of($Martin, 'rec') =~ s/:rec:.*//r . ":w:$entry->{body}{writer}";
ok(redis('EXISTS', $key), 'the writer of now');
my ($epoch, $seq) = split /:/, redis('HGET', $key, 'h');
redis('HSET', $key, 'h', DMP::head($epoch, $seq - 1, 'h' x 32));
my $before = received();
is_refusal('rolled back', search(), $before);
served($Paoli);
is_refusal('later', search(), received());
is(search($Paoli)->{status}, 200, 'other buckets are served');
--- error_log
dmp store is unavailable: an entry does not extend its chain
dmp store went back or forked: bucket \d+ is closed
