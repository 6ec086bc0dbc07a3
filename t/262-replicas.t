# "dmp_audit_durability replicas N TIME": a request goes on when N replicas
# have its entry.  Too few: 503, nothing is forwarded, until they are back.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Net qw(log_mark said why health_of parallel HEALTH);
use FakeHost;
use Rights ();
use Test::More;

our $Ins = '285037512000151';
our $Asked = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8%7C$Ins";

our $First = DMP::Net::Store->new->prepare({ ins => $Ins, status => 'open',
    opened_at => '2026-01-05T09:00:00Z', authorisations => { 899700218896 =>
        { since => '2020-01-01', until => '2096-01-01' } } });
our $Second = DMP::Net::Store->new(follows => $First);
$Second->wait_in_step;

# What this host finds on the replica for each request, before it answers.
our $Seen = DMP::Proc::dir() . '/on-replica';
our $Missing = 0;                      # of those that did not wait
our $Host = FakeHost->new(default => sub {
    my ($head) = @_;

    my ($trace) = $head =~ /^DMP-Trace-Receipt: *([0-9a-f-]{36})/mi;
    # in a process of its own, which has a connection of its own
    my $replica = bless { %$Second, client => undef }, ref $Second;

    # those since a second before the trace id was made, which says when
    my $since = hex(substr $trace =~ s/-//r, 0, 12) - 1000;
    my $found = eval { grep { $_->{body}{trace} eq $trace && $_->{outcome} eq '1' }
        $replica->entries({ map { $_ => "$since-0" } $replica->streams },
            qr/^access$/) };

    open my $out, '>>', $Seen or die "$Seen: $!\n";
    syswrite $out, ($trace // 'no receipt') . ' '
        . ($found ? 'found' : "missing $@") . "\n";

    return FakeHost::json(
        '{"resourceType":"Bundle","type":"searchset","entry":[]}');
});

sub search { return request(get => $Asked, as => 'morel', @_) }
sub received { scalar(() = $Host->requests) }
sub served { wait_for { search()->{status} == 200 } 'a request that is served', 20 }
sub found { scalar(() = slurp($Seen) =~ / found$/mg) }
sub missing { scalar(() = slurp($Seen) =~ / missing.*$/mg) }

sub is_refusal
{
    my ($name) = @_;

    my $before = received();
    my $r = search();

    is($r->{status}, 503, "$name: refused");
    is($r->{json}{issue}[0]{details}{coding}[0]{code}, 'trace-unavailable',
        "$name: for that reason");
    like($r->{headers}{'retry-after'}, qr/^[1-9]\d*$/, "$name: come back");
    is(received(), $before, "$name: the record host received nothing");

    return $r;
}

sub is_whole
{
    my ($name) = @_;

    my ($exit, $said) = $First->verify;

    is($exit, 0, "$name: the trace is whole") or diag($said);
}

# New workers alone, so that error.log says in this block what they find.
sub renew
{
    my %old = map { $_ => 1 } worker_pids();

    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker';
}

# Commands of that name the store has done.
sub calls
{
    my ($name) = @_;

    return $First->call('INFO', 'commandstats')
        =~ /^cmdstat_$name:calls=(\d+)/m ? $1 : 0;
}

# a machine that is busy is no replica that is gone
$First->call('HSET', 'dmp:meta', 'deadline_ms', 10000);

our $Key = DMP::keys() . '/session.key';
DMP::dmpctl('keygen', 'session', DMP::keys());
DMP::configure(redis => $First->address, backend => $Host->{address},
    durability => 'replicas 1 10s', server => HEALTH . ' location /api/ { dmp_api; }');

# "says": what nginx says besides [emerg], in a configuration it refuses
add_block_preprocessor(sub {
    my ($block) = @_;

    return if !defined $block->says;

    $block->set_value(must_die => '');
    $block->set_value(suppress_stderr => '');
    $block->set_value(error_log => join "\n", map { s/^\s+|\s+$//gr }
        grep { /\S/ } split /\n/, $block->says);
});

DMP::run();

__DATA__

=== TEST 1: the entry is on the replica when the record host is asked
--- code
served();
my ($found, $before) = (found(), received());
is(search(http => $_)->{status}, 200, "served over HTTP/$_")
    for ('1.1', '2') x 10;
is(received() - $before, 20, 'each was forwarded');
is(found() - $found, 20, 'and each entry was on the replica by then');
is(missing(), 0, 'none was missing');
is(why(), '', 'dmp_health has nothing to say');
is_whole('replicas 1');



=== TEST 2: a request that does not wait for it, and one that is not there
The control of the test before: what the host looks for can be missing.
--- dmp
(durability => 'fsync')
--- code
served();
$Second->call('REPLICAOF', 'NO', 'ONE');
my $missing = missing();
is(search()->{status}, 200, 'served');
is(missing() - $missing, 1, 'and the replica knows nothing of it');
$Second->call('REPLICAOF', $First->{host}, $First->{port});
$Second->wait_in_step;
$Missing = missing();



=== TEST 3: a replica that stands still: nothing goes on
--- dmp
(durability => 'replicas 1 50ms')
--- code
served();
my ($mark, $log) = ($First->mark, log_mark());
$Second->freeze;
my $r = eval {
    my $r = is_refusal('frozen');
    wait_for { why() =~ /replicas/ } 'dmp_health to name it';
    like(why(), qr/0 of 1/, 'and how many there are');
    is(health_of()->{status}, 503, 'not ready');
    is_refusal('still frozen') for 1 .. 3;
    $r;
} or fail($@);
$Second->thaw;
served();
my $id = $r->{headers}{'dmp-trace-id'};
ok((grep { $_->{body}{trace} eq $id && $_->{outcome} eq '1' }
    $First->entries($mark, qr/^access$/)), 'its entry stands');
wait_for { grep { $_ eq $id } $First->abandoned($mark) } 'it to be listed as abandoned';
wait_for { !$First->unaccounted($mark) } 'all to be accounted for';
my @said = said($log);
is(scalar @said, 2, 'two lines: it went, it came back') or diag(join "\n", @said);
like($said[0], qr/^unavailable: too few replicas have the trace: 0 of 1 /, 'why');
is($said[1], 'available again', 'and that it is over');
is(why(), '', 'dmp_health has nothing more to say');
is_whole('after it stood still');
--- error_log
dmp store is unavailable: too few replicas have the trace: 0 of 1 have answered within 50 ms
dmp store is available again



=== TEST 4: no replica is connected: not ready, until one is
--- dmp
$Second->call('REPLICAOF', 'NO', 'ONE');
wait_for { $First->info('replication', 'connected_slaves') == 0 } 'it to be gone';
(durability => 'replicas 1 60ms')
--- code
renew();
wait_for { why() =~ /too few replicas: 0 of 1/ } 'dmp_health to name it';
is(health_of()->{status}, 503, 'not ready');
is_refusal('none');
$Second->call('REPLICAOF', $First->{host}, $First->{port});
served();
is(health_of()->{status}, 200, 'ready');
is(missing(), $Missing, 'no entry was missing there');
is_whole('none, then one');
--- error_log
dmp store is unavailable: it has too few replicas: 0 of 1 are connected



=== TEST 5: two are asked for, and there is one
--- dmp
$Second->wait_in_step;
(durability => 'replicas 2 60ms')
--- code
renew();
wait_for { why() =~ /1 of 2/ } 'dmp_health to say how many there are';
is_refusal('one of two');
our $Third = DMP::Net::Store->new(follows => $First)->wait_in_step;
served();
is(why(), '', 'all are there');
# the third one alone stands still
$Third->freeze;
eval {
    is_refusal('one of two stands still');
    wait_for { why() =~ /1 of 2/ } 'dmp_health to say how many have answered';
    1;
} or fail($@);
$Third->thaw;
served();
$Third->stop;
is_whole('two');
--- error_log
dmp store is unavailable: it has too few replicas: 1 of 2 are connected
dmp store is unavailable: too few replicas have the trace: 1 of 2 have answered within 60 ms



=== TEST 6: one WAIT for all commits of a turn
--- dmp
$Second->wait_in_step;
(durability => 'replicas 1 10s', http => '# turns')
--- code
served();
my ($waits, $commits) = (calls('wait'), calls('fcall'));
my %status;
for my $http ('2', '1.1') {
    for (1 .. 3) {
        $status{$_}++ for parallel(40, get => $Asked, as => 'morel', http => $http);
    }
}
is_deeply(\%status, { 200 => 240 }, 'all are served');
wait_for { !$First->unaccounted } 'their ends to be written';
$waits = calls('wait') - $waits;
$commits = calls('fcall') - $commits;
cmp_ok($commits, '>=', 240, 'each was committed');
cmp_ok($waits, '>', 0, 'replicas were waited for');
cmp_ok($waits, '<', 240, 'fewer times than there were requests');
note("$waits WAIT for $commits commits");
is(missing(), $Missing, 'none was missing on the replica');
is_whole('under load');



=== TEST 7: what a sign-in writes is with them, too, before it goes on
Of an account that nobody has: two tries, a challenge, the entry.
--- dmp
$Second->wait_in_step;
(durability => 'replicas 1 10s', http => "dmp_session_key $Key;"
    . 'dmp_signin_rate 10000r/m burst=10000;')
--- code
served();
my ($waits, $commits) = (calls('wait'), calls('fcall'));
for (1 .. 20) {
    my $r = Rights::api('none', POST => '/api/session/recovery', { identifier => "nobody$_" });
    is($r->{status}, 202, 'asked for');
}
$waits = calls('wait') - $waits;
$commits = calls('fcall') - $commits;
cmp_ok($commits, '>=', 80, 'four writes each');
cmp_ok($waits, '>=', 80, 'and a WAIT behind each');
is_whole('of sign-ins');



=== TEST 8: its settings are looked at as for "fsync"
--- dmp
$First->call('CONFIG', 'SET', 'appendfsync', 'everysec');
(durability => 'replicas 1 10s', http => '# settings')
--- code
renew();
wait_for { why() =~ /appendfsync is "everysec"/ } 'dmp_health to name it';
is_refusal('everysec');
$First->call('CONFIG', 'SET', 'appendfsync', 'always');
served();
--- error_log
dmp store is unavailable: its settings do not give what dmp_audit_durability asks for: appendfsync is



=== TEST 9: a time of its own default
--- dmp
(durability => 'replicas 1')
--- code
served();
is(why(), '', 'ready');



=== TEST 10: what is not told
--- dmp: (durability => 'replicas')
--- says
\[emerg\] .*"replicas" needs their number, from 1 to \d+ in \S+/nginx\.conf:\d+



=== TEST 11: none
--- dmp: (durability => 'replicas 0')
--- says
\[emerg\] .*"replicas" needs their number, from 1 to \d+ in



=== TEST 12: too many
--- dmp: (durability => 'replicas 100')
--- says
\[emerg\] .*"replicas" needs their number, from 1 to \d+ in



=== TEST 13: no number
--- dmp: (durability => 'replicas x')
--- says
\[emerg\] .*"replicas" needs their number, from 1 to \d+ in



=== TEST 14: no time
--- dmp: (durability => 'replicas 1 0s')
--- says
\[emerg\] .*invalid time "0s" in



=== TEST 15: not a time
--- dmp: (durability => 'replicas 1 soon')
--- says
\[emerg\] .*invalid time "soon" in



=== TEST 16: too many words
--- dmp: (durability => 'replicas 1 50ms more')
--- says
\[emerg\] .*invalid number of arguments in "dmp_audit_durability" directive in



=== TEST 17: a parameter of one that has none
--- dmp: (durability => 'fsync 1')
--- says
\[emerg\] .*"fsync" takes no parameter in



=== TEST 18: something else
--- dmp: (durability => 'replica')
--- says
\[emerg\] .*invalid value "replica": it is "memory", "fsync" or "replicas" in
