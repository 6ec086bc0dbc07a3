# A worker's life: reload, quit, terminate, killed; with requests that wait
# for the store or for the record host.  The guard adds: no [alert], no leaked
# socket, no worker ended by a signal that nobody sent.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use FakeRedis;
use Test::More;

our $Ins = '285037512000151';

sub search
{
    return request(get => '/fhir/DocumentReference?patient.identifier='
        . "urn:oid:1.2.250.1.213.1.4.8|$Ins", as => 'morel', @_);
}

# A request beside the test; called, it waits for "status curl-exit-code".
my $parked = 0;
sub parked
{
    my @args = @_;

    my $out = DMP::Proc::dir() . '/parked.' . ++$parked;
    my $pid = DMP::Proc::start('a request', $out,
        sub { my $r = search(@args); print "$r->{status} $r->{curl}" });

    return sub { waitpid $pid, 0; slurp($out) };
}

our $Fake = FakeRedis->new(redis_address(),
    [qr/^FCALL dmp1_trace/, 'stall', when => 'held'],
    [qr/^FCALL dmp1_trace/, delay => 0.1, when => 'slow'],
    [qr/^HMGET \S+:rec:/, 'stall', when => 'load']);

our $Empty = '{"resourceType":"Bundle","type":"searchset","entry":[]}';
our $Host = FakeHost->new(default => [[wait => 1.5], @{ FakeHost::json($Empty) }]);

sub commits { scalar grep { /^FCALL dmp1_trace/ } $Fake->commands }
sub served { wait_for { search()->{status} == 200 } 'a request that is served' }

# Returns a request that waits for the store until $Fake->off('held').
sub hold
{
    my $commits = commits();

    $Fake->on('held');
    my $request = parked(@_);
    wait_for { commits() > $commits } 'the request to wait for the store';

    return $request;
}

sub log_mark { -s DMP::error_log() // 0 }
sub logged
{
    my ($from, $pattern) = @_;

    wait_for { substr(slurp(DMP::error_log()), $from) =~ /$pattern/ }
        "a line: $pattern", 15;
}

sub leaves
{
    my ($pid, $from) = @_;

    wait_for { !grep { $_ == $pid } worker_pids() } "the end of worker $pid", 15;
    logged($from, qr/worker process $pid exited with code 0/);
    unlike(substr(slurp(DMP::error_log()), $from), qr/outcomes not written/,
        'nothing was left unsaid');
}

# Writers of the gateways that opened an epoch and did not close their last.
sub open_epochs
{
    my ($mark) = @_;

    my %last;

    for my $e (trace($mark, qr/^epoch-(?:open|close)$/)) {
        $last{ $e->{body}{writer} } = $e->{body}{kind} if $e->{body}{writer} =~ /^test/;
    }

    return grep { $last{$_} eq 'epoch-open' } CORE::keys %last;
}

sub rss { slurp("/proc/$_[0]/status") =~ /VmRSS:\s+(\d+)/ ? $1 : 0 }
sub sockets { scalar(() = glob "/proc/$_[0]/fd/*") }

DMP::configure(redis => $Fake->address . ' timeout=60s');
import_records({ ins => $Ins, status => 'open', opened_at => '2026-01-05T09:00:00Z',
    authorisations => { 899700218896 =>
        { since => '2020-01-01', until => '2096-01-01' } } });

# so that a request waits as long as the test wants it to
redis('HSET', 'dmp:meta', 'deadline_ms', 60000);

DMP::run();

__DATA__

=== TEST 1: B8: a reload waits for the requests that wait for the store
--- code
served();
my ($mark, $log, $old) = (trace_mark(), log_mark(), worker_pids());
my @requests = (hold(), hold(http => '2'));
reload();
logged($log, qr/gracefully shutting down/);
$Fake->off('held');
is($_->(), '200 0', 'it completes') for @requests;
leaves($old, $log);
is(scalar open_epochs(), 1, 'every epoch is closed but that of the new worker');
verify_trace();
pass('the trace is whole');



=== TEST 2: B8: the reply comes late, but in time, while the worker leaves
--- code
redis('HSET', 'dmp:meta', 'deadline_ms', 5000);
reload();
served();
$Fake->on('slow');
for (1 .. 5) {
    # one that is told to leave may still accept, and decides nothing new
    wait_for { 1 == (() = worker_pids()) } 'the last one to have left';
    my ($log, $commits) = (log_mark(), commits());
    my ($old) = worker_pids();
    my $request = parked();
    wait_for { commits() > $commits } 'the commit';
    reload();
    is($request->(), '200 0', 'it completes');
    leaves($old, $log) if grep { $_ == $old } worker_pids();
}
$Fake->off('slow');
wait_for { open_epochs() == 1 } 'the epochs to be closed';
verify_trace();
pass('the trace is whole');



=== TEST 3: B8: and for those that wait for the record host
For longer than the deadline: the version is checked again on the way out.
--- dmp
(backend => $Host->{address})
--- code
my ($mark, $log) = (trace_mark(), log_mark());
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
reload();
wait_for { worker_pids() == 1 } 'one worker';
my ($old) = worker_pids();
my $asked = () = $Host->requests;
my @requests = (parked(), parked(http => '2'));
wait_for { (() = $Host->requests) >= $asked + 2 } 'the questions';
reload();
is($_->(), '200 0', 'it completes') for @requests;
leaves($old, $log);
my @ended = map { @{ $_->{body}{outcomes} } } trace($mark, qr/^outcome$/);
is_deeply([map { $_->{status} } @ended], [200, 200], 'outcomes were written');
wait_for { open_epochs($mark) == 1 } 'its epoch to be closed, a new one open';
verify_trace();
pass('the trace is whole');



=== TEST 4: B8: QUIT: all leave, and what waits completes
--- dmp
(http => '# quit')
--- code
redis('HSET', 'dmp:meta', 'deadline_ms', 60000);
reload();
wait_for { worker_pids() == 1 } 'one worker';
served();
my ($mark, $log, $master) = (trace_mark(), log_mark(), nginx_pid());
my $request = hold();
kill 'QUIT', $master;
logged($log, qr/gracefully shutting down/);
$Fake->off('held');
is($request->(), '200 0', 'it completes');
wait_for { !DMP::running($master) } 'the end of nginx', 15;
like(substr(slurp(DMP::error_log()), $log), qr/worker process \d+ exited with code 0/,
    'as it should');
is(scalar open_epochs(), 0, 'no epoch is open');
my ($entry) = reverse trace($mark, qr/^access$/);
ok((grep { $_->{trace} eq $entry->{body}{trace} }
    map { @{ $_->{body}{outcomes} } } trace($mark, qr/^outcome$/)),
    'its outcome was written');
verify_trace();
pass('the trace is whole');



=== TEST 5: TERM: what waits is dropped, and nothing is served for it
--- dmp
(http => '# term')
--- code
served();
my $before = () = backend();
my ($master, $log) = (nginx_pid(), log_mark());
my $request = hold();
kill 'TERM', $master;
wait_for { !DMP::running($master) } 'the end of nginx', 15;
$Fake->off('held');
unlike($request->(), qr/^200/, 'not served');
is(scalar(() = backend()), $before, 'the record host received nothing');
verify_trace();
pass('the trace is whole');



=== TEST 6: B1, B6: the client leaves while its request waits for the store
--- dmp
(http => '# client leaves')
--- code
served();
my ($worker) = worker_pids();
for my $http ('1.1', '2', 'reset') {
    my ($mark, $log, $commits) = (trace_mark(), log_mark(), commits());
    my $before = () = backend();
    if ($http eq 'reset') {
        require IO::Socket::SSL;
        $Fake->on('held');
        my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1:' . tls_port(),
            SSL_hostname => 'localhost', SSL_ca_file => pki() . '/server-ca.pem',
            SSL_cert_file => pki() . '/morel.pem', SSL_key_file => pki() . '/morel.key')
            or die "TLS\n";
        print $socket "GET /fhir/DocumentReference?patient.identifier="
            . "urn:oid:1.2.250.1.213.1.4.8%7C$Ins HTTP/1.1\r\nHost: localhost\r\n\r\n";
        wait_for { commits() > $commits } 'it to wait';
        $socket->sockopt(IO::Socket::SO_LINGER(), pack 'ii', 1, 0);
        $socket->close(SSL_no_shutdown => 1);
    } else {
        my $request = hold(http => $http, seconds => 1);
        is($request->(), '000 28', "$http: the client has left");
    }
    logged($log, $http eq '2' ? qr/client (?:canceled|closed|prematurely|\S+ closed)/
        : qr/client prematurely closed|Connection reset/);
    $Fake->off('held');
    wait_for { () = trace($mark, qr/^access$/) } 'the entry';
    my ($entry) = trace($mark, qr/^access$/);
    wait_for { grep { $_ eq $entry->{body}{trace} }
        map { @{ $_->{body}{abandoned} } } trace($mark, qr/^outcome$/) }
        "$http: it to be listed as abandoned";
    is(scalar(() = backend()), $before, "$http: the record host received nothing");
    served();
}
is_deeply([worker_pids()], [$worker], 'by the same worker');
like(slurp("$ENV{TEST_NGINX_SERVROOT}/logs/access.log"), qr/ 499 /, '499 in the log');
verify_trace();
pass('the trace is whole');



=== TEST 7: B6, B8: the client leaves, then the worker must
--- dmp
(http => '# client leaves, worker too')
--- code
served();
my ($mark, $log, $old) = (trace_mark(), log_mark(), worker_pids());
my $request = hold(seconds => 1);
$request->();
reload();
$Fake->off('held');
leaves($old, $log);
wait_for { open_epochs($mark) == 1 } 'its epoch to be closed, a new one open';
verify_trace();
pass('the trace is whole');



=== TEST 8: the store has stopped: the worker leaves all the same
--- dmp
(redis => $Fake->address . ' timeout=1s')
--- code
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
reload();
wait_for { worker_pids() == 1 } 'one worker';
served();
my ($log, $old) = (log_mark(), worker_pids());
my $redis = redis('INFO', 'server') =~ /process_id:(\d+)/ ? $1 : die;
kill 'STOP', $redis;
eval {
    is(search()->{status}, 503, 'refused');
    kill 'HUP', nginx_pid();
    logged($log, qr/gracefully shutting down/);
    wait_for { !grep { $_ == $old } worker_pids() } 'the end of the worker', 15;
    1;
} or fail("while stopped: $@");
kill 'CONT', $redis;
served();
wait_for { worker_pids() == 1 } 'one worker';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: no answer in time



=== TEST 9: twenty reloads under load
--- dmp
(http => '# reloads')
--- code
my $stop = DMP::Proc::dir() . '/stop';
my $out = DMP::Proc::dir() . '/load';
my $load = DMP::Proc::start('load', $out, sub {
    $| = 1;
    while (!-e $stop) {
        my $http = rand() < .5 ? '1.1' : '2';
        my $status = search(http => $http)->{status};

        # a worker that quits closes what is idle, and decides nothing new:
        # a client tries again
        $status = search(http => $http)->{status} if $status =~ /^(?:000|503)$/;
        print "$status\n";
    }
});
wait_for { slurp($out) =~ /200/ } 'the load';
my $master = nginx_pid();
my $mark = trace_mark();
my ($memory, $open);
for my $n (1 .. 25) {
    my $log = log_mark();
    my %old = map { $_ => 1 } worker_pids();
    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker', 15;
    ($memory, $open) = (rss($master), sockets($master)) if $n == 5;
}
cmp_ok(rss($master) - $memory, '<', 400, 'memory of the master is flat (kB)');
# those of a worker that has ended are closed a moment after it
ok((eval { wait_for { sockets($master) <= $open } 'its descriptors' }),
    'and so are its descriptors');
open my $end, '>', $stop;
waitpid $load, 0;
my %statuses;
$statuses{$_}++ for split /\n/, slurp($out);
is_deeply([CORE::keys %statuses], [200], 'all were served');
wait_for { open_epochs($mark) <= 1 } 'the epochs to be closed';
my ($clients) = redis('INFO', 'clients') =~ /connected_clients:(\d+)/;
cmp_ok($clients, '<=', 4, 'no connection to the store is left');
verify_trace();
pass('the trace is whole');



=== TEST 10: a worker is killed
--- dmp
(http => '# kill')
--- code
for my $n (1 .. 3) {
    served();
    my ($mark, $worker) = (trace_mark(), worker_pids());
    my $request = $n == 2 ? hold() : undef;
    kill 'KILL', $worker;
    unlike($request->(), qr/^200/, 'what it had is lost, not served') if $request;
    $Fake->off('held');
    wait_for { worker_pids() && !grep { $_ == $worker } worker_pids() } 'another';
    served();
    verify_trace();
    pass('served by another, and the trace is whole');
}
--- error_log
exited on signal 9



=== TEST 11: two gateways of one name, on one store
--- dmp
(http => '# two')
--- code
my $root = DMP::Proc::dir() . '/second';
my $port = DMP::Proc::free_port();
my $tls = tls_port();
mkdir $_ for $root, map { "$root/$_" } qw(conf logs html);
my $conf = slurp("$ENV{TEST_NGINX_SERVROOT}/conf/nginx.conf");
$conf =~ s/\Q$ENV{TEST_NGINX_SERVROOT}/$root/g;
$conf =~ s/\b$tls\b/$port/g;
$conf =~ s/\b@{[ plain_port() ]}\b/DMP::Proc::free_port()/ge;
$conf =~ s/daemon on;/daemon off;/;
open my $file, '>', "$root/conf/nginx.conf" or die;
print $file $conf;
close $file;
my $second = DMP::Proc::start('second nginx', "$root/out",
    $ENV{TEST_NGINX_BINARY}, '-p', "$root/", '-c', "$root/conf/nginx.conf");
wait_for { search(port => $port)->{status} == 200 } 'the second to serve';
my $mark = trace_mark();
for (1 .. 10) {
    is(search()->{status}, 200, 'the first');
    is(search(port => $port)->{status}, 200, 'the second');
}
my %writers = map { $_->{body}{writer} => 1 } trace($mark, qr/^access$/);
is(scalar(CORE::keys %writers), 2, 'two writers');
is(scalar(grep { m{^test/} } CORE::keys %writers), 2, 'of one name');
verify_trace();
kill 'QUIT', $second;
wait_for { waitpid($second, 1) == $second } 'the end of the second';
is($?, 0, 'which ends as it should');
verify_trace();
served();
unlike(slurp(DMP::error_log()), qr/does not extend its chain/, 'neither broke a chain');
