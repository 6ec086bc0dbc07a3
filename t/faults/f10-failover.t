# F10: the primary dies while its replica lags, and the replica takes over.
# With "fsync" alone acknowledged entries are lost: it is seen before anything
# is let through, and the bucket is closed until an operator has looked.  With
# "replicas 1" none is lost.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Net;
use DMP::Proc qw(wait_for);
use Test::More;

# A store with a replica, which gets what it gets by way of a proxy.
sub rig
{
    my (%o) = @_;

    my $rig = DMP::Faults->new(name => 'F10', tcp => 1, tool => 0, %o);

    # gateways that wait for it are not ready without it
    $rig->start_store;
    $rig->{cable} = DMP::FaultsProxy->new(to => $rig->store_tcp, tcp => 1);
    $rig->{follower} = DMP::Net::Follower->new($rig, of => $rig->{cable}->address);
    $rig->kill_store;

    return $rig->start;
}


# The replica stands still for half a second or more, or its cable is cut; then
# the primary dies, and the replica takes its place.
sub fail_over
{
    my ($rig, $how, $meanwhile) = @_;

    my ($follower, $cable) = @$rig{qw(follower cable)};

    $rig->grows('reads', 60, served => 20);
    $follower->wait_in_step;
    wait_for { !$rig->now->{forbidden} } 'rights that are given', 60;

    $how eq 'cut' ? $cable->tell('partition', 'both') : $follower->freeze;
    $rig->lasts(0.5);
    $meanwhile->($rig);
    $rig->kill_store;
    $rig->remember;

    # what is on the cable is lost with it
    $cable->stop;
    $follower->thaw;
    $follower->promote;
    $follower->take_over;
}


sub recover
{
    my ($rig) = @_;

    my ($code, $said) = DMP::FaultsCheck::run_dmpctl('audit', 'recover',
        '--all', '--redis', $rig->store_address, '--audit-key',
        DMP::keys() . '/audit.key', '--node', 'ops', '--confirm');

    is $code, 0, 'an operator reopens it' or diag $said;
}


# What is acknowledged meanwhile the replica never gets.
sub serving { $_[0]->grows('reads', 60, served => 20, boundaries => 1) }

my $rig = rig();

fail_over($rig, 'cut', \&serving);

# that of the patient: each gateway looks for its own entries alone
my ($closed) = map { s/:rec:.*/:closed/r } @{ $rig->call('KEYS', '{dmp:*}:rec:*') };
wait_for { $rig->call('EXISTS', $closed) } 'their bucket to be closed', 60;

my $forwarded = $rig->now->{forwarded};

$rig->load(300);
is $rig->now->{forwarded}, $forwarded, 'nothing is let through from then on';

recover($rig);
my $since = DMP::Faults::monotonic();
$rig->recovered('by the operator');

my $result = $rig->finish(since => $since, exit => 1);

# changes, too, went with the store that died
DMP::Faults::held($result, 'failover, replica behind', I2 => 1, ends => 1,
    F22 => 1);
is $result->{exit}, 1, 'the loss is named';
cmp_ok $result->{lost}, '>', 0, 'acknowledged entries were lost';


# nothing is acknowledged that the replica has not: nothing is lost
for my $how ('frozen', 'cut') {
    $rig = rig(durability => 'replicas 1 100ms');

    my $unavailable = $rig->now->{unavailable};

    fail_over($rig, $how, sub { $_[0]->load(100) });
    cmp_ok $rig->now->{unavailable}, '>', $unavailable, 'nothing is served meanwhile';

    # the next replica, without which nobody may serve
    DMP::Net::Follower->new($rig);
    $rig->recovered('by the next replica');
    is_deeply $rig->call('SMEMBERS', 'dmp:closed'), [], 'no bucket is closed';
    $result = $rig->finish;
    DMP::Faults::held($result, "failover, replicas 1, $how");
    is $result->{lost}, 0, 'none was lost';
}


# the same, and nobody looks whether the store went back
$rig = rig(safety => 'fork', unsafe => 'fork');
fail_over($rig, 'cut', \&serving);
$rig->load(500);
DMP::Faults::missed($rig->finish(no_verify => 1), 'failover, replica behind',
    'I1');

# and gateways that do not wait for the replica, though told to
$rig = rig(durability => 'replicas 1 100ms', safety => 'replicas',
    unsafe => 'replicas');
fail_over($rig, 'cut', sub { $_[0]->load(100) });
DMP::Net::Follower->new($rig);
$rig->load(500);
DMP::Faults::missed($rig->finish(no_verify => 1), 'failover, replicas 1', 'I1');

DMP::Faults::done();
