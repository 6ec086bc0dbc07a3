# F11: planned failovers under load.  "FAILOVER TO" lets no write go: nothing is
# lost.  "SENTINEL FAILOVER" does not wait for the replica, so that with "fsync"
# alone what is lost must be seen, and with "replicas 1" nothing is.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Net;
use DMP::Proc qw(wait_for);
use Test::More;

# Gateways have a way to the store that an operator, or a script of the
# sentinels, leads to the next one.
sub rig
{
    my (%o) = @_;

    my $way;
    my $rig = DMP::Faults->new(name => 'F11', tcp => 1, tool => 0, %o,
        store_at => sub {
            $way //= DMP::Net::Way->new($_[0]->store_tcp);
            return $way->address;
        });

    # gateways that wait for it are not ready without it
    $rig->start_store;
    $rig->{follower} = DMP::Net::Follower->new($rig);
    $rig->kill_store;
    $rig->start;
    wait_for { $rig->call('INFO', 'replication') =~ /^slave0:.*state=online/m }
        'the replica', 30;
    $rig->{way} = $way;

    return $rig;
}


# The old primary is told to follow the new one; it ends before that becomes
# the rig's store.
sub finish
{
    my ($rig, %check) = @_;

    $rig->recovered('after the failover') if !$check{closed};
    $rig->kill_store;
    $rig->{follower}->take_over;

    # the next replica, without which nobody may end an epoch
    if ($rig->{durability} =~ /^replicas/) {
        DMP::Net::Follower->new($rig);
        $rig->recovered('by the next replica');
    }

    my $result = $rig->finish(%check);

    $rig->{way}->stop;

    return $result;
}


sub by_command
{
    my (%o) = @_;

    my $rig = rig(%o);
    my $follower = $rig->{follower};

    $rig->grows('reads', 60, served => 50, boundaries => 1);
    $rig->call('FAILOVER', 'TO', '127.0.0.1', $follower->{port}, 'TIMEOUT', 10000);
    wait_for { $follower->call('INFO', 'replication') =~ /^role:master/m }
        'the replica to be the primary', 30;
    $rig->{way}->to($follower->address);

    return $rig;
}


sub by_sentinel
{
    my (%o) = @_;

    my $rig = rig(%o);
    my $follower = $rig->{follower};
    my $first = { host => '127.0.0.1', port => $rig->{port} };
    my @sentinels = map { DMP::Net::Sentinel->new($first, 2) } 1 .. 3;

    $_->wait_ready(1, 2) for @sentinels;
    $rig->grows('reads', 60, served => 50, boundaries => 1);
    $sentinels[0]->call('SENTINEL', 'FAILOVER', 'dmp');
    wait_for { $_->primary == $follower->{port} } 'the sentinels to agree', 60
        for @sentinels;
    $rig->{way}->to($follower->address);
    wait_for { $rig->call('INFO', 'replication') =~ /^master_link_status:up/m }
        'the old primary to follow', 60;
    $_->stop for @sentinels;

    return $rig;
}


for my $durability ('fsync', 'replicas 1 100ms') {
    my $result = finish(by_command(durability => $durability));

    DMP::Faults::held($result, "FAILOVER TO, $durability");
    is $result->{lost}, 0, 'none was lost';
}


my $result = finish(by_sentinel(durability => 'replicas 1 100ms'));

DMP::Faults::held($result, 'SENTINEL FAILOVER, replicas 1');
is $result->{lost}, 0, 'none was lost';


# with "fsync": whether anything is lost is a matter of luck; that it is seen
# is not
my $rig = by_sentinel();

$rig->load(500);

if (@{ $rig->{follower}->call('SMEMBERS', 'dmp:closed') }) {
    my $forwarded = $rig->now->{forwarded};

    $rig->load(200);
    is $rig->now->{forwarded}, $forwarded, 'closed: nothing is let through';

    $result = finish($rig, closed => 1, exit => 1,
        since => DMP::Faults::monotonic());
    DMP::Faults::held($result, 'SENTINEL FAILOVER, closed', I2 => 1,
        ends => 1, F22 => 1);
    is $result->{exit}, 1, 'the loss is named';

} else {
    $result = finish($rig);
    DMP::Faults::held($result, 'SENTINEL FAILOVER');
    is $result->{lost}, 0, 'none was lost';
}


# the same, and the new primary is behind and nobody looks
$rig = rig(safety => 'fork', unsafe => 'fork');
$rig->grows('reads', 60, served => 50);
$rig->{follower}->promote;
$rig->grows('reads', 60, served => 50);
$rig->{way}->to($rig->{follower}->address);
$rig->load(300);
DMP::Faults::missed(finish($rig, no_verify => 1), 'failover without waiting', 'I1');

DMP::Faults::done();
