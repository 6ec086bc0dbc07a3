# Whatever a store answers in the place of an acknowledgement: the request is
# refused with 503 and Retry-After, nothing is forwarded, error.log says it
# once for each change of state, dmp_health names it, and all is served again
# when the store is well.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Net qw(log_mark said why health_of HEALTH);
use FakeRedis;
use Test::More;

our $Ins = '285037512000151';
our %Record = (ins => $Ins, status => 'open',
    opened_at => '2026-01-05T09:00:00Z', authorisations => { 899700218896 =>
        { since => '2020-01-01', until => '2096-01-01' } });
our $Store;                         # the real one of a block

# as servers of these names say it
our %Error = (
    loading => 'LOADING Redis is loading the dataset in memory',
    busy => 'BUSY Redis is busy running a script. You can only call '
        . 'FUNCTION KILL or SHUTDOWN NOSAVE.',
    masterdown => "MASTERDOWN Link with MASTER is down and "
        . "replica-serve-stale-data is set to 'no'.",
    readonly => "READONLY You can't write against a read only replica.",
    oom => "OOM command not allowed when used memory > 'maxmemory'.",
    misconf => 'MISCONF Redis is configured to save RDB snapshots, but it is '
        . 'currently unable to persist on disk.',
    noreplicas => 'NOREPLICAS Not enough good replicas to write.',
    noperm => 'NOPERM this user has no permissions to run the command',
    noauth => 'NOAUTH Authentication required.',
    missing => 'ERR Function not found',
    wrongtype => 'WRONGTYPE Operation against a key holding the wrong kind of '
        . 'value',
    moved => 'MOVED 3999 127.0.0.1:6381',
    ask => 'ASK 3999 127.0.0.1:6381',
    tryagain => 'TRYAGAIN Multiple keys request during rehashing of slot',
    clusterdown => 'CLUSTERDOWN Hash slot not served',
    unheard => 'WHATEVER nobody has said that before',
);

our $Fake = FakeRedis->new(redis_address(),
    (map { [qr/^FCALL/, error => $Error{$_}, when => "commit-$_"] }
        CORE::keys %Error),
    (map { [qr/^(?:HGETALL|FUNCTION)/, error => $Error{$_},
        when => "hello-$_"] } CORE::keys %Error),
    [qr/^FCALL dmp1_trace/, 'close', when => 'cut'],
);

sub search
{
    return request(get => '/fhir/DocumentReference?patient.identifier='
        . "urn:oid:1.2.250.1.213.1.4.8|$Ins", as => 'morel', @_);
}

sub received { scalar grep { $_->{target} =~ /DocumentReference/ } backend() }
sub served { wait_for { search()->{status} == 200 } 'a request that is served' }

sub is_refusal
{
    my ($name, $before) = @_;

    my $r = search();

    is($r->{status}, 503, "$name: refused");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'trace-unavailable',
        "$name: for that reason");
    like($r->{headers}{'retry-after'}, qr/^[1-9]\d*$/, "$name: come back");
    unlike("$r->{head}$r->{body}", qr/$Ins|Bundle|martin-|redis/i,
        "$name: nothing of the record, nor of the store");
    is(received(), $before, "$name: the record host received nothing");
}

# While the fault lasts, and when it is over.  What dmp_health must name, and
# the lines that it may cause: each once, in this order.
sub faulty
{
    my ($name, $begin, $end, $names, @lines) = @_;

    served();

    my ($log, $before) = (log_mark(), received());

    $begin->();

    eval {
        is_refusal($name, $before);

        # until its words are those of the fault that lasts
        wait_for { my @said = said($log);
            @said && $said[-1] =~ /^unavailable: (?:$lines[-1]|dmp:meta: $names)/ }
            "$name: the line";
        wait_for { why() =~ /$names/ } "$name: dmp_health to name it";
        is(health_of()->{status}, 503, "$name: dmp_health: not ready");
        is_refusal("$name, again", $before) for 1 .. 3;
        1;
    } or fail("$name: $@");

    $end->();
    served();

    my @want = ((map { qr/^unavailable: $_/ } @lines), qr/^available again$/);
    my @said = said($log);

    # the same word of the store's, as the answer to another command of ours
    splice @said, 1, 1 if @said == @want + 1
        && $said[1] =~ /^unavailable: dmp:meta: $names/;

    is(scalar @said, scalar @want, "$name: as many lines as changes of state")
        or diag(join "\n", @said);
    like($said[$_] // '', $want[$_], "$name: line $_") for 0 .. $#want;
    is(why(), '', "$name: dmp_health has nothing more to say");
    is(health_of()->{status}, 200, "$name: dmp_health: ready");
}

# As said by a real one: all of its settings are put back by the second sub.
sub real
{
    my ($name, @more) = @_;

    faulty($name, @more);

    my ($exit, $said) = $Store->verify;
    is($exit, 0, "$name: the trace is whole") or diag($said);
}

sub config_set
{
    my %values = @_;

    $Store->call('CONFIG', 'SET', $_, $values{$_}) for CORE::keys %values;
}

sub cut { eval { $Store->call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes') } }

DMP::configure(redis => $Fake->address, server => HEALTH);
import_records(\%Record);

DMP::run();

__DATA__

=== TEST 1: each of them, as the reply to a commit
The new link meets it too, when it opens its epoch.
--- code
for my $name (sort(CORE::keys(%Error))) {
    my ($word) = $Error{$name} =~ /^(\S+)/;
    my $when = "commit-$name";
    faulty($when, sub { $Fake->on($when) }, sub { $Fake->off($when) }, $word,
        "it refuses a commit: $word");
}
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: it refuses a commit: [A-Z]+ \w



=== TEST 2: each of them, in the handshake
A store that loads is one that comes back: that is said by dmp_health alone.
--- code
for my $name (sort(CORE::keys(%Error))) {
    my ($word) = $Error{$name} =~ /^(\S+)/;
    faulty("hello-$name",
        sub { $Fake->on("hello-$name"); $Fake->on('cut'); },
        sub { $Fake->off($_) for 'cut', "hello-$name" },
        $word, 'connection lost',
        $name eq 'loading' ? () : "dmp:meta: $word");
}
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable: connection lost
dmp store is unavailable: dmp:meta: [A-Z]+ \w



=== TEST 3: OOM, of a real store
--- dmp
$Store = DMP::Net::Store->new->prepare(\%Record);
(redis => $Store->address)
--- code
real('OOM', sub { config_set(maxmemory => 1) },
    sub { config_set(maxmemory => 0) }, 'OOM', 'it refuses a commit: OOM');
--- error_log
dmp store is unavailable: (?:it refuses a commit|dmp:meta): OOM



=== TEST 4: READONLY and MASTERDOWN, of a real store: it was made a replica
--- dmp
(redis => $Store->address, http => '# replica')
--- code
my $nowhere = DMP::Proc::free_port();
real('READONLY', sub { $Store->call('REPLICAOF', '127.0.0.1', $nowhere) },
    sub { $Store->call('REPLICAOF', 'NO', 'ONE') }, 'READONLY',
    'it refuses a commit: READONLY');
real('MASTERDOWN', sub {
        config_set('replica-serve-stale-data' => 'no');
        $Store->call('REPLICAOF', '127.0.0.1', $nowhere);
    },
    sub {
        $Store->call('REPLICAOF', 'NO', 'ONE');
        config_set('replica-serve-stale-data' => 'yes');
    },
    'MASTERDOWN', 'it refuses a commit: READONLY', 'dmp:closed: MASTERDOWN');
--- error_log
dmp store is unavailable: it refuses a commit: READONLY
dmp store is unavailable: dmp:closed: MASTERDOWN



=== TEST 5: NOREPLICAS, of a real store
--- dmp
(redis => $Store->address, http => '# noreplicas')
--- code
real('NOREPLICAS', sub { config_set('min-replicas-to-write' => 1) },
    sub { config_set('min-replicas-to-write' => 0) }, 'NOREPLICAS',
    'it refuses a commit: NOREPLICAS');
--- error_log
dmp store is unavailable: it refuses a commit: NOREPLICAS



=== TEST 6: MISCONF, of a real store: its snapshot could not be written
--- dmp
(redis => $Store->address, http => '# misconf')
--- code
my $file = "$Store->{dir}/dump.rdb";
config_set(save => '3600 1', 'stop-writes-on-bgsave-error' => 'yes');
my $snapshot = sub {
    my ($how) = @_;
    eval { $Store->call('BGSAVE') };
    wait_for { $Store->info('persistence', 'rdb_bgsave_in_progress') == 0
        && $Store->info('persistence', 'rdb_last_bgsave_status') eq $how }
        "a snapshot: $how";
};
real('MISCONF', sub { mkdir $file or die "$file: $!\n"; $snapshot->('err') },
    sub { rmdir $file or die "$file: $!\n"; $snapshot->('ok') },
    'MISCONF', 'it refuses a commit: MISCONF');
config_set(save => '');
--- error_log
dmp store is unavailable: it refuses a commit: MISCONF



=== TEST 7: BUSY, of a real store: somebody's script runs
--- dmp
(redis => $Store->address, http => '# busy')
--- code
my $script;
config_set('busy-reply-threshold' => 10);
real('BUSY', sub {
        my $out = DMP::Proc::dir() . '/script';
        # it ends by itself, should nobody end it
        $script = DMP::Proc::start('a script', $out, sub {
            DMP::Redis->connect($Store->address)->call('EVAL',
                'for i = 1, 2e10 do end', 0) });
        wait_for { !eval { $Store->call('PING') } && $@ =~ /BUSY/ } 'a busy store';
    },
    sub { $Store->call('SCRIPT', 'KILL'); waitpid $script, 0 },
    'BUSY', 'it refuses a commit: BUSY');
config_set('busy-reply-threshold' => 5000);
--- error_log
dmp store is unavailable: (?:it refuses a commit|dmp:meta): BUSY



=== TEST 8: LOADING, of a real store: it starts, and reads what it has
--- dmp
(redis => $Store->address, http => '# loading')
--- code
# a snapshot is read key by key, and commands are answered meanwhile
$Store->call('SET', "filler:$_", $_ x 500) for 1 .. 300;
$Store->call('BGREWRITEAOF');
wait_for { $Store->info('persistence', 'aof_rewrite_in_progress') == 0
    && $Store->info('persistence', 'aof_rewrite_scheduled') == 0 } 'a snapshot';
real('LOADING', sub {
        $Store->stop('KILL');
        $Store->launch('--key-load-delay', 20000,
            '--loading-process-events-interval-bytes', 1024);
    },
    sub {
        $Store->call('CONFIG', 'SET', 'key-load-delay', 0);
        wait_for { $Store->info('persistence', 'loading') == 0 } 'all of it';
    },
    'LOADING', 'connection lost');
--- error_log
dmp store is unavailable: connection lost



=== TEST 9: NOPERM and NOAUTH, of a real store
--- dmp
our $Secret = DMP::Proc::dir() . '/secret';
open my $out, '>', $Secret; print $out "correct horse\n"; close $out;
$Store->call('ACL', 'SETUSER', 'gateway', 'on', '>correct horse', '~*', '+@all');
(redis => $Store->address . " user=gateway password_file=$Secret")
--- code
real('NOPERM', sub { $Store->call('ACL', 'SETUSER', 'gateway', '-fcall') },
    sub { $Store->call('ACL', 'SETUSER', 'gateway', '+fcall') },
    'NOPERM', 'it refuses a commit: NOPERM');
real('WRONGPASS', sub {
        $Store->call('ACL', 'SETUSER', 'gateway', 'resetpass', '>another');
        cut();
    },
    sub { $Store->call('ACL', 'SETUSER', 'gateway', 'resetpass', '>correct horse') },
    'WRONGPASS', 'connection lost', 'authentication: WRONGPASS');
unlike(slurp(DMP::error_log()), qr/correct horse/, 'the password is not told');
unlike(why(), qr/correct horse/, 'nor by dmp_health');
--- error_log
dmp store is unavailable: it refuses a commit: NOPERM
dmp store is unavailable: (?:connection lost|authentication: WRONGPASS)



=== TEST 10: NOAUTH, of a real store: a password that the gateway has not
--- dmp
(redis => $Store->address, http => '# noauth')
--- code
real('NOAUTH', sub { config_set(requirepass => 'secret'); cut(); },
    sub {
        $Store->call('AUTH', 'secret');
        config_set(requirepass => '');
    },
    'NOAUTH', 'connection lost', 'dmp:closed: NOAUTH');
--- error_log
dmp store is unavailable: (?:connection lost|dmp:closed: NOAUTH)



=== TEST 11: a missing function, of a real store
--- dmp
(redis => $Store->address, http => '# function')
--- code
my %library = @{ $Store->call('FUNCTION', 'LIST', 'LIBRARYNAME', 'dmp1', 'WITHCODE')->[0] };
real('no library', sub { $Store->call('FUNCTION', 'DELETE', 'dmp1') },
    sub { $Store->call('FUNCTION', 'LOAD', $library{library_code}) },
    'dmpctl init', 'it refuses a commit: ERR Function not found',
    'it has no function library');
--- error_log
dmp store is unavailable: it refuses a commit: ERR Function not found
dmp store is unavailable: it has no function library



=== TEST 12: a wrong type, of a real store: somebody took the trace away
--- dmp
(redis => $Store->address, http => '# type')
--- code
my @streams;
real('WRONGTYPE', sub {
        @streams = $Store->streams;
        for my $key (map { sprintf '{dmp:%02d}:trace', $_ } 0 .. 63) {
            eval { $Store->call('RENAME', $key, "$key:away") };
            $Store->call('SET', $key, 'x');
        }
    },
    sub {
        $Store->call('DEL', map { sprintf '{dmp:%02d}:trace', $_ } 0 .. 63);
        $Store->call('RENAME', "$_:away", $_) for @streams;
    },
    'WRONGTYPE', 'it refuses a commit: WRONGTYPE');
--- error_log
dmp store is unavailable: it refuses a commit: WRONGTYPE



=== TEST 13: CLUSTERDOWN, of a real store: a cluster with slots that nobody serves
--- dmp
our $Node = DMP::Net::Store->new(settings => ['--cluster-enabled', 'yes']);
$Node->call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
wait_for { $Node->call('CLUSTER', 'INFO') =~ /cluster_state:ok/ } 'the cluster';
$Node->prepare(\%Record);
(redis => $Node->address)
--- code
faulty('CLUSTERDOWN', sub {
        $Node->call('CLUSTER', 'DELSLOTSRANGE', 0, 16383);
        wait_for { $Node->call('CLUSTER', 'INFO') =~ /cluster_state:fail/ } 'no cluster';
    },
    sub {
        $Node->call('CLUSTER', 'ADDSLOTSRANGE', 0, 16383);
        wait_for { $Node->call('CLUSTER', 'INFO') =~ /cluster_state:ok/ } 'the cluster';
    },
    'CLUSTERDOWN', 'it refuses a commit: CLUSTERDOWN');
--- error_log
dmp store is unavailable: (?:it refuses a commit|dmp:(?:closed|meta)): CLUSTERDOWN
