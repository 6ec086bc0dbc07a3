# No store, or one that cannot be used: nothing is served, it is said once,
# and everything is served again when it can.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeRedis;
use Test::More;

our $Ins = '285037512000151';
our $Socket = DMP::Proc::dir() . '/redis/sock';

sub set_record
{
    import_records({ ins => $Ins, status => 'open',
        opened_at => '2026-01-05T09:00:00Z', authorisations => { 899700218896 =>
            { since => '2020-01-01', until => '2096-01-01' } } });
}

sub search
{
    return request(get => '/fhir/DocumentReference?patient.identifier='
        . "urn:oid:1.2.250.1.213.1.4.8|$Ins", as => 'morel', @_);
}

my $parked = 0;
sub parked
{
    my $out = DMP::Proc::dir() . '/parked.' . ++$parked;
    my $pid = DMP::Proc::start('a request', $out,
        sub { my $r = search(); print "$r->{status} $r->{body}" });

    return sub { waitpid $pid, 0; slurp($out) };
}

sub received { scalar grep { $_->{target} =~ /DocumentReference/ } backend() }
sub served { wait_for { search()->{status} == 200 } 'a request that is served' }

sub is_refusal
{
    my ($name, $r, $before) = @_;

    is($r->{status}, 503, "$name: refused");
    is($r->{json}{resourceType}, 'OperationOutcome', "$name: in FHIR");
    is($r->{json}{issue}[0]{code}, 'transient', "$name: for now");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'trace-unavailable',
        "$name: for that reason");
    is($r->{headers}{'retry-after'}, 1, "$name: come back");
    like($r->{headers}{'dmp-trace-id'}, qr/^[0-9a-f-]{36}$/, "$name: trace id");
    unlike("$r->{head}$r->{body}", qr/$Ins|MARTIN|Bundle|martin-|redis/i,
        "$name: nothing of the record, nor of the store");
    is(received(), $before, "$name: the record host received nothing");
}

# Lines about the store since a place in error.log: one for each change.
sub log_mark { -s DMP::error_log() // 0 }
sub said
{
    my @said = substr(slurp(DMP::error_log()), $_[0])
        =~ /dmp store is (unavailable: [^\n]*|available again)/g;

    return map { s/:.*//r } @said;
}
sub says { join(', ', said($_[0])) eq $_[1] }

# A new worker, which sees the store for the first time.
sub renew
{
    my %old = map { $_ => 1 } worker_pids();

    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker';
}

# A new worker does not serve, and says why.
sub refused_for
{
    my ($pattern) = @_;

    my $log = log_mark();

    renew();
    is_refusal("store: $pattern", search(), received());
    wait_for { substr(slurp(DMP::error_log()), $log)
        =~ /dmp store is unavailable: $pattern/ } "the reason: $pattern";
    pass("says: $pattern");
}

# An instance of its own, on TCP, with other settings; gone with the test.
sub other_redis
{
    my @options = @_;

    my $port = DMP::Proc::free_port();
    my $data = DMP::Proc::dir() . "/redis-$port";

    mkdir $data;
    my $pid = DMP::Proc::start("redis $port", "$data/log", 'redis-server',
        '--bind', '127.0.0.1', '-::1', '--port', $port, '--dir', $data,
        '--save', '', '--appendonly', 'yes', '--appendfsync', 'always', @options);
    wait_for { DMP::Redis->connect("127.0.0.1:$port") } 'another redis';

    return ($port, $pid);
}

set_record();
DMP::stop_redis();

DMP::run();

__DATA__

=== TEST 1: nginx starts without a store, and refuses all
--- dmp
(redis => "unix:$Socket")
--- code
my $log = log_mark();
renew();
wait_for { says($log, 'unavailable') } 'the new worker to say so';
is_refusal("request $_", search(http => $_ % 2 ? '1.1' : '2'), received())
    for 1 .. 6;
is(request(get => '/fhir/DocumentReference/martin-consultation-1',
    as => 'morel')->{status}, 503, 'nor is anybody asked whose a document is');
is(received(), 0, 'the record host received nothing');
is_deeply([said($log)], ['unavailable'], 'one line says so');
DMP::start_redis();
served();
wait_for { says($log, 'unavailable, available again') } 'the line that it is back';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is available again
dmp store is unavailable: cannot connect: No such file or directory



=== TEST 2: killed and back, again and again
--- dmp
(redis => "unix:$Socket")
--- code
for my $signal ('KILL', 'TERM', 'KILL') {
    served();
    my ($log, $before) = (log_mark(), received());
    DMP::stop_redis($signal);
    is_refusal("$signal $_", search(), $before) for 1 .. 2;
    is_deeply([said($log)], ['unavailable'], 'one line says so');
    DMP::start_redis();
    served();
    wait_for { says($log, 'unavailable, available again') } 'the line that it is back';
}
is(scalar(worker_pids()), 1, 'one worker');
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: (?:connection lost|cannot connect)



=== TEST 3: what is in flight when it dies is refused
--- dmp
our $Fake = FakeRedis->new("unix:$Socket",
    [qr/^FCALL dmp1_trace/, 'stall', when => 'held']);
(redis => $Fake->address)
--- code
# so that only the death of the store can end the wait
redis('HSET', 'dmp:meta', 'deadline_ms', 60000);
renew();
served();
my $before = received();
my $already = grep { /^FCALL dmp1_trace/ } $Fake->commands;
$Fake->on('held');
my @requests = map { parked() } 1 .. 5;
wait_for { grep({ /^FCALL dmp1_trace/ } $Fake->commands) >= $already + 5 }
    'five commits';
$Fake->stop;
my @answers = map { $_->() } @requests;
is(scalar(grep { /^503 .*trace-unavailable/ } @answers), 5, 'all are refused');
is(received(), $before, 'the record host received nothing');
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
--- error_log
dmp store is unavailable: connection lost



=== TEST 4: while it is down nobody waits for it
It takes connections, and never says a word; the time-outs are far away.
--- dmp
our $Mute = FakeRedis->new("unix:$Socket", [qr/^/, 'stall', when => 'mute'],
    [qr/^FCALL dmp1_trace/, 'close', when => 'broken']);
(redis => $Mute->address . ' connect_timeout=1h timeout=1h')
--- code
served();
$Mute->on('mute');
$Mute->on('broken');
redis('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
wait_for { slurp(DMP::error_log()) =~ /dmp store is unavailable: connection lost/ }
    'the loss to be noticed';
my $asked = $Mute->commands;
wait_for { $Mute->commands > $asked } 'a new handshake';
for (1 .. 3) {
    my $r = search(seconds => 3);
    is($r->{status}, 503, 'refused at once, not when the handshake ends');
}
$Mute->off('mute');
$Mute->off('broken');
--- error_log
dmp store is unavailable: connection lost



=== TEST 5: a store that is not initialised
--- dmp
our ($Port) = other_redis();
(redis => "127.0.0.1:$Port")
--- code
refused_for('it is not initialised: run "dmpctl init"');
my $other = DMP::Redis->connect("127.0.0.1:$Port");
for (['schema', 2], ['buckets', 0], ['buckets', 100000], ['deadline_ms', 0],
    ['deadline_ms', 'x'], ['schema', ''])
{
    $other->call('HSET', 'dmp:meta', 'schema', 1, 'buckets', 64,
        'deadline_ms', 250, @$_);
    refused_for('dmp:meta is not of this version');
}
$other->call('DEL', 'dmp:meta');
$other->call('SET', 'dmp:meta', 'x');
refused_for('dmp:meta: WRONGTYPE');
$other->call('DEL', 'dmp:meta');
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
wait_for { search()->{status} == 403 } 'a decision: there is no record';
--- error_log
dmp store is unavailable: it is not initialised
dmp store is unavailable: (?:dmp:meta is not of this version|dmp:meta: WRONGTYPE)



=== TEST 6: a library that is missing, or not ours
--- dmp
our ($Port) = other_redis();
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
(redis => "127.0.0.1:$Port")
--- code
wait_for { search()->{status} == 403 } 'a decision';
my $other = DMP::Redis->connect("127.0.0.1:$Port");
my ($code) = grep { /register_function/ } map { ref $_ ? () : $_ }
    @{ $other->call('FUNCTION', 'LIST', 'LIBRARYNAME', 'dmp1', 'WITHCODE')->[0] };
$other->call('FUNCTION', 'LOAD', 'REPLACE', "$code\n-- and one line more");
refused_for('its function library dmp1 is not the one of this version');
$other->call('FUNCTION', 'DELETE', 'dmp1');
refused_for('it has no function library dmp1: run "dmpctl init"');
$other->call('FUNCTION', 'LOAD', $code);
wait_for { search()->{status} == 403 } 'a decision again';
--- error_log
dmp store is unavailable: its function library dmp1 is not
dmp store is unavailable: it has no function library



=== TEST 7: the settings must give the durability that is asked for
--- dmp
our ($Port) = other_redis('--appendfsync', 'everysec');
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
(redis => "127.0.0.1:$Port")
--- code
my $other = DMP::Redis->connect("127.0.0.1:$Port");
my %good = (appendfsync => 'always', appendonly => 'yes',
    'no-appendfsync-on-rewrite' => 'no', 'maxmemory-policy' => 'noeviction');
my %bad = (appendfsync => 'everysec', appendonly => 'no',
    'no-appendfsync-on-rewrite' => 'yes', 'maxmemory-policy' => 'allkeys-lru');
for my $name (sort(CORE::keys(%bad))) {
    $other->call('CONFIG', 'SET', $_, $good{$_}) for CORE::keys %good;
    $other->call('CONFIG', 'SET', $name, $bad{$name});
    refused_for(".*\\b$name is ");
}
$other->call('CONFIG', 'SET', $_, $good{$_}) for CORE::keys %good;
wait_for { search()->{status} == 403 } 'a decision, now that all are good';
# restarted with another configuration: the reason must be said, not only
# that the connection was lost
$other->call('CONFIG', 'SET', 'appendfsync', 'everysec');
my $log = log_mark();
$other->call('CLIENT', 'KILL', 'TYPE', 'normal');
is(search()->{status}, 503, 'refused after a new connection');
wait_for { search()->{status} == 503 or die "served\n";
    substr(slurp(DMP::error_log()), $log) =~ /appendfsync is/ } 'the reason', 5;
--- error_log
dmp store is unavailable: .*appendfsync is
dmp store is unavailable: .*(?:appendonly|no-appendfsync-on-rewrite|maxmemory-policy) is
dmp store is unavailable: connection lost



=== TEST 8: "memory" asks for less, but never for a store that forgets
--- dmp
our ($Port) = other_redis('--appendfsync', 'everysec');
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
(redis => "127.0.0.1:$Port", durability => 'memory')
--- code
is(search()->{status}, 403, 'decided with appendfsync everysec');
my $other = DMP::Redis->connect("127.0.0.1:$Port");
$other->call('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
refused_for('.*maxmemory-policy is');
--- error_log
dmp store is unavailable: .*maxmemory-policy is



=== TEST 9: user and password
--- dmp
our $Secret = DMP::Proc::dir() . '/password';
open my $out, '>', $Secret; print $out "correct horse\n"; close $out;
our ($Port) = other_redis();
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
our $Other = DMP::Redis->connect("127.0.0.1:$Port");
$Other->call('ACL', 'SETUSER', 'gateway', 'on', '>correct horse', '~*', '+@all');
$Other->call('ACL', 'SETUSER', 'default', 'nopass', 'on');
(redis => "127.0.0.1:$Port user=gateway password_file=$Secret")
--- code
is(search()->{status}, 403, 'decided');
is((grep { /user=gateway/ } split /\n/, $Other->call('CLIENT', 'LIST')), 1,
    'as that user');
$Other->call('ACL', 'SETUSER', 'gateway', 'resetpass', '>another');
refused_for('authentication: WRONGPASS');
$Other->call('ACL', 'SETUSER', 'gateway', '>correct horse', '-config|get');
refused_for('a setting: NOPERM');
$Other->call('ACL', 'SETUSER', 'gateway', '+config|get', '-fcall');
refused_for('it refuses a commit: NOPERM');
$Other->call('ACL', 'SETUSER', 'gateway', '+fcall');
wait_for { search()->{status} == 403 } 'a decision again';
unlike(slurp(DMP::error_log()), qr/correct horse/, 'the password is not told');
--- error_log
dmp store is unavailable: authentication: WRONGPASS
dmp store is unavailable: (?:a setting|it refuses a commit): NOPERM



=== TEST 10: a password is missing
--- dmp
our ($Port) = other_redis();
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
our $Other = DMP::Redis->connect("127.0.0.1:$Port");
$Other->call('CONFIG', 'SET', 'requirepass', 'secret');
(redis => "127.0.0.1:$Port")
--- code
refused_for('dmp:closed: NOAUTH');
--- error_log
dmp store is unavailable: dmp:closed: NOAUTH



=== TEST 11: another database, over IPv6
--- dmp
our ($Port) = other_redis();
our $Other = DMP::Redis->connect("127.0.0.1:$Port");
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
$Other->call('COPY', 'dmp:meta', 'dmp:meta', 'DB', 5);
$Other->call('DEL', 'dmp:meta');
(redis => "[::1]:$Port db=5 busy_poll=off")
--- code
is(search()->{status}, 403, 'decided');
$Other->call('SELECT', 5);
ok((grep { /:trace$/ } @{ $Other->call('KEYS', '*') }), 'traced there');
$Other->call('SELECT', 0);
is_deeply($Other->call('KEYS', '*'), [], 'and not elsewhere');



=== TEST 12: a database that is not there
--- dmp
our ($Port) = other_redis('--databases', 4);
DMP::dmpctl('init', '--redis', "127.0.0.1:$Port");
(redis => "127.0.0.1:$Port db=5")
--- code
refused_for('the database: ERR DB index is out of range');
--- error_log
dmp store is unavailable: the database: ERR DB index
