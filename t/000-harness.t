# The harness itself: that its services run, that its assertions hold, and
# above all that its guard fails a run that it must fail.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use FakeRedis;
use Test::More;

my $tls = DMP::listen_tls();
my $backend = backend_address();

our $Server = <<"END";
    server {
        $tls
        server_name localhost;
        ssl_certificate @{[ pki() ]}/server.pem;
        ssl_certificate_key @{[ pki() ]}/server.key;
        ssl_client_certificate @{[ pki() ]}/clients-ca.pem;
        ssl_verify_client optional;
        ssl_verify_depth 3;

        location /fhir/ {
            proxy_pass http://$backend;
            proxy_set_header X-Verify \$ssl_client_verify;
        }

        location /who {
            add_header X-Verify \$ssl_client_verify;
            return 200 '{"http":"\$server_protocol","list":[1,{"a":true}]}';
        }
    }
END

add_block_preprocessor(sub {
    $_[0]->set_value(http_config => $Server) if !defined $_[0]->http_config;
});

DMP::run();

__DATA__

=== TEST 1: a certificate of the PKI is verified, over both protocols
--- as: morel
--- get: /who
--- status: 200
--- header
X-Verify = SUCCESS
--- json
http ~ ^HTTP/(1\.1|2\.0)$
list.# = 2
list.1.a = true
list.2 absent



=== TEST 2: without a certificate there is none
--- get: /who
--- http: 2
--- header
x-verify = NONE
--- json
http = HTTP/2.0



=== TEST 3: a forged certificate does not verify
--- as: forged
--- get: /who
--- status: 400
--- like
SSL certificate error



=== TEST 4: what the record host received is seen
--- as: morel
--- get: /fhir/metadata
--- status: 200
--- json
resourceType = CapabilityStatement
--- backend
GET /fhir/metadata
--- backend_like
"X-Verify","SUCCESS"
--- backend_unlike
"X-Verify","NONE"



=== TEST 5: and so is that it received nothing
--- get: /who
--- status: 200
--- backend: none



=== TEST 6: Redis answers, and is durable
--- code
is(redis('SET', 'harness', "a\r\nb"), 'OK', 'SET');
is(redis('GET', 'harness'), "a\r\nb", 'GET');
is(redis('CONFIG', 'GET', 'appendfsync')->[1], 'always', 'appendfsync');
ok(!eval { redis('NO-SUCH'); 1 }, 'an error reply dies');



=== TEST 7: the trace is read from the streams, oldest first
--- code
redis('XADD', '{dmp:01}:trace', '1-1', 'b', '{"kind":"access","n":1}', 'o', '1');
my $mark = DMP::trace_mark();
redis('XADD', '{dmp:02}:trace', '3-1', 'b', '{"kind":"access","n":3}', 'o', '1');
redis('XADD', '{dmp:01}:trace', '2-1', 'b', '{"kind":"access","n":2}', 'o', '0');
redis('XADD', '{dmp:01}:trace', '4-1', 'b', '{"kind":"heartbeat"}', 'o', '1');
my @entries = DMP::trace($mark);
is_deeply([map { $_->{body}{n} } @entries], [2, 3], 'entries after the mark');
is($entries[0]{outcome}, 0, 'outcome');



=== TEST 8: the guard sees what it must, and nothing else
--- code
my $file = DMP::Proc::dir() . '/guard.log';
my $say = sub { open my $out, '>>', $file or die; print $out "@_\n" };
my $guard = DMP::Guard->new($file);
my $head = '2026/01/01 00:00:00';
$say->("$head [error] 1#1: upstream timed out");
is(scalar $guard->verdict, 0, 'an error passes');
for my $line ("$head [alert] 1#1: x", "$head [emerg] 1#1: x",
    "$head [crit] 1#1: x", '==1==ERROR: AddressSanitizer: heap-use-after-free',
    'a.c:1:2: runtime error: signed integer overflow',
    "$head [notice] 1#1: worker process 2 exited on signal 11")
{
    $say->($line);
    is_deeply([$guard->verdict], ["$line\n"], "seen: $line");
    is(scalar $guard->verdict, 0, 'and told once');
}
$say->("$head [alert] 1#1: expected");
is(scalar $guard->verdict(qr/expected/), 0, 'one that is expected passes');



=== TEST 9: a run with an alert in its log fails
--- code
my $file = DMP::Proc::dir() . '/inner.t';
open my $out, '>', $file or die;
print $out join "\n", 'use lib "t/lib";', 'use DMP;', 'DMP::run();', '__DATA__',
    '=' x 3 . ' TEST 1: an alert', '-' x 3 . ' http_config', '-' x 3 . ' code',
    'open my $log, ">>", DMP::error_log() or die;',
    'print $log "2026/01/01 00:00:00 [alert] 1#1: open socket #12 left\n";',
    'close $log;', 'main::pass("ran");', '';
close $out;
my $log = DMP::Proc::dir() . '/inner.out';
my $pid = DMP::Proc::start('prove', $log, 'prove', '-v', $file);
waitpid $pid, 0;
isnt($?, 0, 'prove fails');
like(slurp($log), qr/not ok .*guard: .*\[alert\] .*open socket/, 'and says why');
like(slurp($log), qr/^Failed 1\/\d+ subtests/m, 'for that alone');
my ($left) = slurp($log) =~ /left to look at: (\S+)/;
File::Path::remove_tree($left) if $left;



=== TEST 10: a worker killed by a signal is noticed
--- code
my ($worker) = worker_pids();
kill 'SEGV', $worker;
wait_for { grep { $_ != $worker } worker_pids() } 'another worker';
--- error_log
exited on signal 11



=== TEST 11: a reload is waited for
--- code
my ($old) = worker_pids();
reload();
wait_for { !grep { $_ == $old } worker_pids() } 'the end of the old worker';
is(request(get => '/who')->{status}, 200, 'and it serves');



=== TEST 12: nginx refuses what it must
--- http_config
    no_such_directive;
--- must_die
--- suppress_stderr
--- error_log
unknown directive "no_such_directive"



=== TEST 13: bytes that curl would not send
--- code
my $answer = request_raw('morel', "GET /who HTTP/1.1\r\nHost: localhost\r\n"
    . "Connection: close\r\n\r\n");
like($answer, qr{^HTTP/1\.1 200 }, 'answered');
like($answer, qr{X-Verify: SUCCESS}, 'with the certificate');



=== TEST 14: the scripted Redis does as told
--- code
my $fake = FakeRedis->new(redis_address(),
    [qr/^GET broken/, error => 'LOADING Redis is loading'],
    [qr/^GET typed/, reply => ":42\r\n"],
    [qr/^GET big/, big => 20000],
    [qr/^GET cut/, truncate => 3],
    [qr/^GET gone/, 'close'],
    [qr/^GET split/, split => 1],
    [qr/^GET late/, delay => 0.05],
    [qr/^GET held/, 'stall', when => 'holding'],
);
my $client = DMP::Redis->connect($fake->address);
is($client->call('SET', 'split', 'x' x 100), 'OK', 'proxied');
is($client->call('GET', 'split'), 'x' x 100, 'in pieces');
ok(!eval { $client->call('GET', 'broken') }, 'an error');
like($@, qr/LOADING/, 'as scripted');
is($client->call('GET', 'typed'), 42, 'another type');
is(length $client->call('GET', 'big'), 20000, 'a large reply');
is($client->call('GET', 'late'), undef, 'late');
is($client->call('GET', 'held'), undef, 'not held before it is switched on');
$fake->on('holding');
my $got = eval {
    local $SIG{ALRM} = sub { die "held\n" };
    Time::HiRes::alarm(0.2);
    $client->call('GET', 'held');
    1;
};
Time::HiRes::alarm(0);
is($@, "held\n", 'held');
$fake->off('holding');
is($client->call('GET', 'held'), undef, 'and let go, with what was due');
for my $how (qw(cut gone)) {
    my $other = DMP::Redis->connect($fake->address);
    ok(!eval { $other->call('GET', $how); 1 }, "$how: closed");
    like($@, qr/closed/, 'and seen as such');
}
is(scalar(grep { /^GET held/ } $fake->commands), 3, 'commands are logged');
$fake->stop;



=== TEST 15: the scripted host does as told
--- http_config eval
$main::Fake = FakeHost->new(
    '/ok' => FakeHost::json('{"a":1}'),
    '/gzip' => FakeHost::gzip('{"a":1}'),
    '/short' => FakeHost::truncated('{"a":1}', 3),
    '/close' => [['close']],
    '/stall' => [[send => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], ['stall']],
    '/304' => FakeHost::answer(304, {}, ''),
);
(my $server = $main::Server) =~ s{proxy_pass http://\S+;}{proxy_pass http://$main::Fake->{address}/; proxy_read_timeout 200ms;};
$server;
--- code
my $fake = our $Fake;
is(request(get => '/fhir/ok')->{body}, '{"a":1}', 'ok');
is(request(get => '/fhir/304')->{status}, 304, 'a 304');
my $r = request(get => '/fhir/gzip');
is($r->{headers}{'content-encoding'}, 'gzip', 'gzip');
is($r->{lists}{'content-type'}[0], 'application/fhir+json', 'type');
is(request(get => '/fhir/short')->{curl}, 18, 'truncated');
is(request(get => '/fhir/close')->{status}, 502, 'closed early');
isnt(request(get => '/fhir/stall')->{curl}, 0, 'stalled');
is(scalar $fake->requests, 6, 'requests are logged');
like(($fake->requests)[0], qr{^GET /ok HTTP}, 'whole');
--- error_log
prematurely closed
