# What is acknowledged holds: once a change of rights is answered, nothing that
# was decided before it leaves any more.  Nothing here measures time.  Where an
# answer must not have come, the deadline is a minute and another request has
# gone the same way meanwhile; where one must come, it is waited for.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use FakeRedis;
use IO::Socket ();
use JSON::PP ();
use Rights qw($Martin $Morel $Petit $Roux $Leroy $System $Search $Record keys_of
    ask come answer parked unparked leave);
use Test::More;

# The real one has done it, and its reply does not come.
package HoldingRedis {
    our @ISA = ('FakeRedis');

    sub send_what_is_due
    {
        my ($self, $c) = @_;

        return if $self->is_on({ when => 'withheld' })
            && grep { "@{ $_->{words} }[0, 1]" eq 'FCALL dmp1_trace' }
                grep { @{ $_->{words} } > 1 } @{ $c->{queue} };

        $self->SUPER::send_what_is_due($c);
    }
}

package main;

our $Check = "/fhir/Patient?identifier=$System|$Martin";
our $Block = "$Record/blocks/$Petit";

# Tools wait for the store's deadline as well; not those that prepare a test.
sub at_once
{
    my ($code) = @_;

    my $ms = redis('HGET', 'dmp:meta', 'deadline_ms');

    redis('HSET', 'dmp:meta', 'deadline_ms', 1);
    $code->();
    redis('HSET', 'dmp:meta', 'deadline_ms', $ms);
}

# Leroy treats the patient and so blocks for them; Petit and Morel may read.
sub set_record
{
    my @more = @_;

    at_once(sub {
        import_records({ ins => $Martin, status => 'open', treating => [$Leroy],
            authorisations => { map { $_ => { since => '2020-01-01',
                until => '2096-01-01' } } $Petit, $Morel }, @more });
    });
}

sub record_version
{
    my ($key) = @{ redis('KEYS', '{dmp:*}:rec:*') };

    return redis('HGET', $key, 'v');
}

# ---------------------------------------------------------------- deadlines

sub one_worker { wait_for { worker_pids() == 1 } 'one worker', 20 }

# From here on, for all.
sub deadline
{
    my ($ms) = @_;

    redis('HSET', 'dmp:meta', 'deadline_ms', $ms);
    one_worker();
    reload();
    one_worker();
    wait_for { request(get => $Check, as => 'roux')->{status} == 200 }
        'the gateway to be served by the store';
}

# As long as a deadline may be: whatever waits for it waits.
sub for_ever { deadline(60000) }
sub as_usual { deadline(250) }

# ----------------------------------------------------------------- requests

sub reason { $_[0]{json}{reason} // '' }

# As the one who has been blocked; a whole turn of the same worker.
sub refused
{
    my ($what) = @_;

    my $r = request(get => $Search, as => 'petit');

    is($r->{status}, 403, "$what: a read after it is refused");
}

# The commit stands in the store: its version has moved.
sub committed
{
    my ($version, $what) = @_;

    wait_for { record_version() ne $version } "the commit of $what";
}

# Committed and, a whole request later, not acknowledged.
sub held
{
    my ($what, $as, $method, $path, $body) = @_;

    my $before = record_version();
    my $asked = ask($as, $method, $path, $body);

    committed($before, $what);
    is(request(get => $Check, as => 'roux')->{status}, 200,
        "$what: another request comes and goes");
    is(come($asked), '', "$what: is in the store and not acknowledged");
    is(record_version(), $before + 1, "$what: one version more");

    return $asked;
}

# ---------------------------------------------------------- trace, outcomes

# Entries of that trace id: "decision o=outcome".
sub said_of
{
    my ($mark, $trace) = @_;

    return map { "$_->{body}{decision} $_->{body}{reason} o=$_->{outcome}" }
        grep { $_->{body}{trace} eq $trace } trace($mark);
}

sub outcome_of
{
    my ($mark, $trace) = @_;

    my @outcome;

    wait_for {
        @outcome = grep { $_->{trace} eq $trace }
            map { @{ $_->{body}{outcomes} } } trace($mark, qr/^outcome$/);
    } "the outcome of $trace";

    return $outcome[0];
}

# -------------------------------------------------------------- a slow host

# It waits with what is forwarded to it, not with what the gateway itself asks
# of it, as long as the file is there.
our $Gate;

sub shut_gate
{
    $Gate //= DMP::Proc::dir() . '/gate';
    open my $out, '>', $Gate or die "$Gate: $!\n";
}

sub open_gate { unlink $Gate if defined $Gate }

sub gated
{
    my ($steps) = @_;

    return sub {
        my ($head) = @_;

        if ($head =~ /^DMP-Trace-Receipt:/mi) {
            wait_for { !-e DMP::Proc::dir() . '/gate' } 'the gate', 50;
        }

        return ref $steps eq 'CODE' ? $steps->($head) : $steps;
    };
}

sub document
{
    my ($id) = @_;

    return { resourceType => 'DocumentReference', id => $id,
        status => 'current',
        subject => { reference => "Patient?identifier=$System|$Martin" },
        content => [{ attachment => { contentType => 'text/plain',
            url => "Binary/$id" } }] };
}

sub listed
{
    my ($head) = @_;

    my ($id) = $head =~ m{location=Binary/([a-z]+)};

    return FakeHost::json(JSON::PP->new->encode({ resourceType => 'Bundle',
        type => 'searchset', entry => [map { { resource => document($_) } }
            grep { !defined $id || $_ eq $id } qw(secret stalled)] }));
}

my $stalls = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
    . "Content-Length: 100000\r\n\r\n" . 'x' x 100;

our $Host = FakeHost->new(
    '/fhir/DocumentReference' => gated(\&listed),
    (map { ("/fhir/DocumentReference/$_" => gated(FakeHost::json(
        JSON::PP->new->encode(document($_))))) } qw(secret stalled)),
    '/fhir/Binary/secret' => gated(sub {
        my $steps = FakeHost::answer(200, { 'Content-Type' => 'text/plain' },
            'SECRET');
        $steps->[0][1] =~ s/SECRET\z// if $_[0] =~ /^HEAD/;
        return $steps;
    }),
    '/fhir/Binary/stalled' => gated([[send => $stalls], ['stall']]));

sub forwarded { scalar grep { /^DMP-Trace-Receipt:/mi } $Host->requests }

# What Petit may read until somebody blocks them: name, method and path.
our @Reads = (
    ['a search', get => $Search],
    ['a document', get => '/fhir/DocumentReference/secret'],
    ['a Binary', get => '/fhir/Binary/secret'],
    ['HEAD of a search', head => $Search],
    ['HEAD of a document', head => '/fhir/DocumentReference/secret'],
    ['HEAD of a Binary', head => '/fhir/Binary/secret'],
);

# Forwarded, and the host does not answer yet.
sub forwarding
{
    my @request = @_;

    my ($asked, $mark) = (forwarded(), trace_mark());

    shut_gate();
    my $request = parked(as => 'petit', seconds => 50, @request);
    wait_for { forwarded() > $asked } 'the host to be asked';

    return ($request, $mark);
}

# The host has sent a header and a hundred bytes, and stalls: what the client
# has then.  Once with the first check, once with another one.
sub sent_at_once
{
    my ($what) = @_;

    my $path = '/fhir/Binary/stalled';

    as_usual();

    for my $http ('1.1', '2') {
        for my $waits (0, 1) {
            my $name = "HTTP/$http" . ($waits ? ', checked again' : '');
            my $asked = forwarded();

            set_record();
            $waits ? shut_gate() : open_gate();

            my $client = $http eq '2'
                ? parked(get => $path, as => 'petit', http => '2',
                    options => ['--no-buffer', '--verbose'])
                : ask('petit', GET => $path);
            my $has = sub {
                return come($client) if $http ne '2';

                # what it says it has received, and what that was
                my $base = DMP::Proc::dir() . "/curl.$client->{pid}";
                my $said = join '', slurp("$base.out") =~ /^< ?(.*\n)/mg;

                return $said . slurp("$base.body");
            };

            wait_for { forwarded() > $asked } 'the host to be asked';

            if ($waits) {
                # acknowledged: by now the first check is too old
                is(request(put => "$Record/blocks/$Roux", as => 'leroy')
                    ->{status}, 200, "$name: another is blocked");
                is($has->(), '', "$name: nothing came so far");
                open_gate();
            }

            ok(eval { wait_for { $has->() =~ $what } 'it to come' },
                "$name: it has come while the host stalls") or diag $has->();
            like($has->(), qr{^HTTP/\S+ 200 }, "$name: it is let out");

            $http eq '2' ? leave($client)
                : $client->{socket}->close(SSL_no_shutdown => 1);
        }
    }

    my ($log, $worker) = (log_mark(), worker_pids());

    reload();
    leaves($worker, $log);
}

# ------------------------------------------------------------------- files

sub log_mark { -s DMP::error_log() // 0 }

sub logged
{
    my ($from, $pattern) = @_;

    wait_for { substr(slurp(DMP::error_log()), $from) =~ /$pattern/ }
        "a line: $pattern", 15;
}

# That worker ends as it should, with no timer and no connection left.
sub leaves
{
    my ($pid, $from) = @_;

    wait_for { !grep { $_ == $pid } worker_pids() } "the end of worker $pid",
        15;
    ok(eval { logged($from, qr/worker process $pid exited with code 0/) },
        'the worker ends as it should');
}

our $Fake = HoldingRedis->new(redis_address(),
    [qr/^FCALL dmp1_change/, 'stall', when => 'held']);

# The command line of that change.
sub operator
{
    my ($verb, @words) = @_;

    return (DMP::Proc::root() . '/build/dmpctl', 'record', $verb, $Martin, @words,
        keys_of('--policy', policy(), '--audit-key', DMP::keys() . '/audit.key',
            '--node', 'operator'));
}

sub changes { scalar grep { /^FCALL dmp1_change/ } $Fake->commands }

DMP::initialise_store();
DMP::configure(redis => $Fake->address . ' timeout=60s',
    server => 'location /api/ { dmp_api; client_max_body_size 0; }');
set_record();

DMP::run();

__DATA__

=== TEST 1: in the store, it holds; acknowledged it is not before the deadline
--- code
for_ever();
my ($worker) = worker_pids();
for my $left ('closed', 'reset') {
    set_record();
    is(request(get => $Search, as => 'petit')->{status}, 200, 'may read');
    my $asked = held('a block', 'leroy', PUT => $Block);
    refused('a block');
    is(come($asked), '', 'still not acknowledged');
    if ($left eq 'reset') {
        $asked->{socket}->sockopt(IO::Socket::SO_LINGER(), pack 'ii', 1, 0);
    }
    my $log = log_mark();
    $asked->{socket}->close(SSL_no_shutdown => 1);
    logged($log, qr/client prematurely closed|Connection reset/);
    refused("the client has left ($left)");
}
is_deeply([worker_pids()], [$worker], 'by the same worker');
my $log = log_mark();
reload();
leaves($worker, $log);
verify_trace();
pass('the trace is whole');



=== TEST 2: the client leaves, HTTP/2
--- code
for_ever();
my ($worker) = worker_pids();
for my $round (1 .. 3) {
    set_record();
    my $before = record_version();
    my $request = parked(put => $Block, as => 'leroy', http => '2');
    committed($before, 'a block');
    refused('a block');
    is(slurp($request->{out}), '', 'not acknowledged');
    my $log = log_mark();
    leave($request);
    logged($log, qr/client (?:canceled|closed|prematurely|\S+ closed)/);
    refused('the client has left');
}
is_deeply([worker_pids()], [$worker], 'by the same worker');
my $log = log_mark();
reload();
leaves($worker, $log);
verify_trace();
pass('the trace is whole');



=== TEST 3: the deadline passes: it is acknowledged, with the state it made
--- code
as_usual();
for my $http ('1.1', '2') {
    set_record();
    my ($before, $mark) = (record_version(), trace_mark());
    my $r = request(put => $Block, as => 'leroy', http => $http);
    is($r->{status}, 200, "HTTP/$http: acknowledged");
    is_deeply($r->{json}{blocked}, [$Petit], 'with the new state');
    is(record_version(), $before + 1, 'one version more');
    refused("HTTP/$http");
    my $trace = $r->{headers}{'dmp-trace-id'};
    is_deeply([said_of($mark, $trace)], ['allow none o=R'], 'one entry');
    is(outcome_of($mark, $trace)->{status}, 200, 'and its outcome');
}
verify_trace();
pass('the trace is whole');



=== TEST 4: every change, repeated and without effect too; no refusal
--- code
for_ever();
set_record(authorisations => {});
my $until = JSON::PP->new->encode({ consent => JSON::PP::true });
my @changes = (
    ['a block', 'leroy', PUT => $Block],
    ['the same again', 'leroy', PUT => $Block],
    ['an unblocking', 'leroy', DELETE => $Block],
    ['an unblocking of nobody', 'leroy', DELETE => $Block],
    ['an authorisation', 'morel', PUT => "$Record/authorisations/$Morel", $until],
    ['a withdrawal', 'morel', DELETE => "$Record/authorisations/$Morel"],
    ['a withdrawal of nothing', 'morel', DELETE => "$Record/authorisations/$Morel"],
    ['a treating physician who leaves', 'leroy',
        DELETE => "$Record/treating/$Leroy"],
);
my @asked = map { held(@$_) } @changes;
for my $request (
    ['who may not', put => $Block, as => 'roux'],
    ['who is not treating any more', put => $Block, as => 'leroy'],
    ['who cannot be read', put => "$Record/blocks/x", as => 'leroy'],
    ['who declares no consent', put => "$Record/authorisations/$Roux",
        as => 'roux', body => '{"consent":false}',
        headers => ['Content-Type: application/json']],
    ['who asks only', get => $Record, as => 'roux'])
{
    my ($what, @request) = @$request;
    my $r = request(@request, seconds => 15);
    is($r->{curl}, 0, "$what: is answered");
    is($r->{status}, $what =~ /only/ ? 200 : $what =~ /read/ ? 400 : 403,
        "$what: at once");
}
is(join('', map { come($_) } @asked), '', 'and none of the changes meanwhile');
verify_trace();
pass('the trace is whole');



=== TEST 5: one that comes late is none that is known to have been made
The store has it all the same: what is repeated is made once.
--- code
as_usual();
set_record();
my ($before, $mark, $n) = (record_version(), trace_mark(), changes());
$Fake->on('held');
my $r = request(put => $Block, as => 'leroy');
is($r->{status}, 503, 'not answered in time: refused');
is(reason($r), 'trace-unavailable', 'for that');
is($r->{headers}{'retry-after'}, 1, 'to be tried again');
is(changes(), $n + 1, 'it was asked once');
is(record_version(), $before, 'the store does not have it');
$Fake->off('held');
committed($before, 'the block');
refused('made late');
$r = request(put => $Block, as => 'leroy');
is($r->{status}, 200, 'repeated');
is_deeply($r->{json}{blocked}, [$Petit], 'and made once');
is(record_version(), $before + 2, 'in two versions');
verify_trace();
pass('the trace is whole');



=== TEST 51: nor is an access that the store let through too late
By then somebody has been told that it is blocked.
--- code
as_usual();
for my $http ('1.1', '2') {
    set_record();
    is(request(get => $Search, as => 'petit')->{status}, 200, 'may read');
    my ($mark, $asked) = (trace_mark(), scalar(() = backend()));
    $Fake->on('withheld');
    my $request = parked(get => $Search, as => 'petit', http => $http);
    wait_for { () = trace($mark, qr/^access$/) } 'the entry in the store';
    DMP::command(operator('block', $Petit));
    $Fake->off('withheld');
    my $r = unparked($request);
    is_deeply([said_of($mark, $r->{trace})], ['allow none o=1'],
        "HTTP/$http: it was let through");
    is($r->{status}, 503, 'but nobody knew it in time');
    is(scalar(() = backend()), $asked, 'the record host received nothing');
    ok(eval { wait_for { grep { $_ eq $r->{trace} }
        map { @{ $_->{body}{abandoned} } } trace($mark, qr/^outcome$/) }
        'it' }, 'it is listed as abandoned');
    refused('blocked');
}
verify_trace();
pass('the trace is whole');



=== TEST 52: its own answer shows what its reader may see when it comes
--- code
deadline(5000);
for my $http ('1.1', '2') {
    set_record();
    my $before = record_version();
    my $request = parked(put => $Block, as => 'leroy', http => $http);
    committed($before, 'the block');
    my @command = operator('block', $Leroy);
    at_once(sub { DMP::command(@command) });
    is(slurp($request->{out}), '', "HTTP/$http: not acknowledged so far");
    my $r = unparked($request);
    is($r->{status}, 200, "HTTP/$http: made");
    is_deeply(JSON::PP->new->utf8->decode($r->{body}), { ins => $Martin,
        status => 'open', authorisation => 'INTERDIT',
        treating => JSON::PP::false }, 'and its reader is blocked by now');
    is(record_version(), $before + 2, 'both are in it');
}
verify_trace();
pass('the trace is whole');



=== TEST 6: a reload while it is held: the old worker delivers it
--- code
deadline(5000);
set_record();
my ($log, $old) = (log_mark(), worker_pids());
my $first = held('a block', 'leroy', PUT => $Block);
my $before = record_version();
my $second = parked(put => $Block, as => 'leroy', http => '2');
committed($before, 'another over HTTP/2');
reload();
logged($log, qr/gracefully shutting down/);
my $r = answer($first);
is($r->{status}, 200, 'acknowledged');
is_deeply($r->{json}{blocked}, [$Petit], 'with its state');
$r = unparked($second);
is("$r->{status} $r->{curl}", '200 0', 'the other one, too');
leaves($old, $log);
refused('by the new worker');
verify_trace();
pass('the trace is whole');



=== TEST 7: so does one that is told to quit
--- dmp
(http => '# quit')
--- code
deadline(5000);
set_record();
my ($log, $master, $mark) = (log_mark(), nginx_pid(), trace_mark());
my $asked = held('a block', 'leroy', PUT => $Block);
kill 'QUIT', $master;
logged($log, qr/gracefully shutting down/);
my $r = answer($asked);
is($r->{status}, 200, 'acknowledged');
wait_for { !DMP::running($master) } 'the end of nginx', 15;
like(substr(slurp(DMP::error_log()), $log),
    qr/worker process \d+ exited with code 0/, 'as it should');
is(outcome_of($mark, $r->{trace})->{status}, 200, 'its outcome was written');
verify_trace();
pass('the trace is whole');



=== TEST 8: an answer of the host that comes after the acknowledgement
It was asked while Petit could still read.
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;')
--- code
as_usual();
for my $http ('1.1', '2') {
    for my $read (@main::Reads) {
        my ($name, @request) = @$read;
        $name = "HTTP/$http: $name";
        set_record();
        my $r = request(@request, as => 'petit', http => $http);
        is($r->{status}, 200, "$name - may be read");
        my ($request, $mark) = forwarding(@request, http => $http);
        is(request(put => $Block, as => 'leroy')->{status}, 200,
            "$name - the block is acknowledged");
        is(slurp($request->{out}), '', "$name - nothing came of it so far");
        open_gate();
        $r = unparked($request);
        my $want = "@request" =~ /patient/ ? 403 : 404;
        is($r->{status}, $want, "$name - refused");
        unlike("$r->{head}$r->{body}", qr/SECRET|secret|text.plain/,
            "$name - nothing of it leaves");
        is_deeply([said_of($mark, $r->{trace})], ['allow none o=1'],
            "$name - allowed it was when it was traced");
        is(outcome_of($mark, $r->{trace})->{status}, $want,
            "$name - and the outcome says what became of it");
    }
}
verify_trace();
pass('the trace is whole');



=== TEST 9: one that comes before is let out, and nothing is acknowledged
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;')
--- code
for_ever();
for my $read (@main::Reads) {
    my ($name, @request) = @$read;
    set_record();
    my ($request, $mark) = forwarding(@request);
    my $asked = held("$name - a block", 'leroy', PUT => $Block);
    refused("$name - a block");
    open_gate();
    my $r = unparked($request);
    is($r->{status}, 200, "$name - let out: the block is not acknowledged");
    is(come($asked), '', "$name - and is not yet");
    is(outcome_of($mark, $r->{trace})->{status}, 200, "$name - outcome");
    $asked->{socket}->close(SSL_no_shutdown => 1);
}
verify_trace();
pass('the trace is whole');



=== TEST 10: a change that leaves them their right leaves them their answer
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;')
--- code
as_usual();
for my $http ('1.1', '2') {
    for my $read (@main::Reads) {
        my ($name, @request) = @$read;
        $name = "HTTP/$http: $name";
        set_record();
        my ($request) = forwarding(@request, http => $http);
        is(request(put => "$Record/blocks/$Roux", as => 'leroy')->{status},
            200, "$name - another is blocked");
        open_gate();
        is(unparked($request)->{status}, 200, "$name - let out");
    }
}



=== TEST 11: what is let out is sent, and does not lie in a buffer
nginx gathers an answer's first bytes until there are 1460 of them; by then
what let them out would be old.
--- dmp
(backend => $main::Host->{address}, location => 'dmp_record_host slow;')
--- code
sent_at_once(qr/\r\n\r\n\z/);



=== TEST 111: nor does its content, where nginx is told not to gather it
--- dmp
(backend => $main::Host->{address},
    location => 'dmp_record_host slow; proxy_buffering off;')
--- code
sent_at_once(qr/\r\n\r\nx{100}\z/);



=== TEST 12: an operator's change is acknowledged no sooner
--- code
as_usual();
my @block = operator('block', $Petit);
for my $http ('1.1', '2') {
    set_record();
    is(request(get => $Search, as => 'petit', http => $http)->{status}, 200,
        'in the cache of the gateway');
    like(DMP::command(@block), qr/is blocked in this record/, 'blocked');
    refused("HTTP/$http");
}
set_record();
redis('HSET', 'dmp:meta', 'deadline_ms', 60000);
for my $time ('a block', 'the same again') {
    my $before = record_version();
    my $out = DMP::Proc::dir() . "/operator.$before";
    my $pid = DMP::Proc::start('dmpctl', $out, @block);
    committed($before, $time);
    refused($time);
    ok(DMP::Proc::alive($pid), "$time: dmpctl has not come back");
    is(slurp($out), '', "$time: and has said nothing");
    DMP::Proc::stop($pid, 'KILL');
}
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
verify_trace();
pass('the trace is whole');



=== TEST 13: two workers: one makes the change, and the other has not heard of it
It is stopped while that is made; each has the record in its cache.
--- dmp
Test::Nginx::Util::workers(2);
(http => '# two workers', backend => $main::Host->{address},
    location => 'dmp_record_host slow;')
--- code
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
wait_for { worker_pids() == 2 } 'two workers', 20;
my @workers = worker_pids();
# What one of them is asked, the other being stopped.
my $alone = sub {
    my ($worker, $code) = @_;
    my ($other) = grep { $_ != $worker } @workers;
    kill 'STOP', $other;
    my @result = eval { $code->() };
    my $failed = $@;
    kill 'CONT', $other;
    die $failed if $failed;
    return wantarray ? @result : $result[0];
};
for my $round (0 .. 3) {
    my ($first, $second) = @workers[$round % 2, 1 - $round % 2];
    my $http = $round < 2 ? '1.1' : '2';
    set_record();
    open_gate();
    for my $worker (@workers) {
        is($alone->($worker, sub { request(get => $Search, as => 'petit') })
            ->{status}, 200, "round $round: in the cache of $worker");
    }
    my ($request, $mark) = $alone->($first, sub {
        forwarding(get => $Search, http => $http) });
    my $change = $alone->($second, sub { request(put => $Block, as => 'leroy') });
    is($change->{status}, 200, "round $round: the block is acknowledged");
    open_gate();
    my $read = unparked($request);
    is($read->{status}, 403, 'what the first worker had asked for is refused');
    is($alone->($first, sub { request(get => $Search, as => 'petit') })
        ->{status}, 403, 'and what it is asked next');
    my %writer = map { $_->{body}{trace} => $_->{body}{writer} }
        trace($mark, qr/^(?:access|change)$/);
    isnt($writer{ $change->{headers}{'dmp-trace-id'} },
        $writer{ $read->{trace} }, 'they were two');
}
verify_trace();
pass('the trace is whole');
