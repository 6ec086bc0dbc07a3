# F12: split brain: the replica becomes a primary, and the old one keeps one of
# the gateways for ten seconds.  With "replicas 1" that gateway serves nothing,
# and nothing is lost; min-replicas-to-write alone bounds the time.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Net;
use DMP::Proc qw(wait_for);
use Test::More;

my $long = 10;

# The store, its replica, and the replica's own.
sub rig
{
    my (%o) = @_;

    my @way;
    my $rig = DMP::Faults->new(name => 'F12', tcp => 1, tool => 0, %o,
        store_at => sub {
            my ($rig, $n) = @_;

            $way[$n] //= DMP::Net::Way->new($rig->store_tcp);
            return $way[$n]->address;
        });

    # gateways that wait for it are not ready without it
    $rig->start_store;
    $rig->{cable} = DMP::FaultsProxy->new(to => $rig->store_tcp, tcp => 1);
    $rig->{follower} = DMP::Net::Follower->new($rig, of => $rig->{cable}->address);
    $rig->{last} = DMP::Net::Follower->new($rig, of => $rig->{follower}->address);
    $rig->kill_store;
    $rig->start;
    $rig->{way} = \@way;

    return $rig;
}


# The stores no longer hear of each other; the second gateway goes to the new
# primary.
sub split_brain
{
    my ($rig) = @_;

    $rig->{follower}->wait_in_step;
    $rig->grows('reads', 60, served_by_0 => 20, served_by_1 => 20, boundaries => 1);
    wait_for { !$rig->now->{forbidden} } 'rights that are given', 60;
    $rig->{cable}->tell('partition', 'both');
    $rig->{follower}->promote;
    $rig->{way}[1]->to($rig->{follower}->address);
}


# The first gateway follows, and the old primary ends.
sub join_again
{
    my ($rig) = @_;

    $rig->{way}[0]->to($rig->{follower}->address);
    $rig->{cable}->stop;
    $rig->kill_store;
    $rig->remember;
    $rig->{follower}->take_over;
}


sub finish
{
    my ($rig, %check) = @_;

    my $result = $rig->finish(%check);

    $_->stop for @{ $rig->{way} };
    $rig->{last}->stop;

    return $result;
}


my $rig = rig(durability => 'replicas 1 100ms');

split_brain($rig);
$rig->grows('service by the new primary', 60, served_by_1 => 20, boundaries => 1);

my $served = $rig->now->{served_by_0};

$rig->lasts($long);
is $rig->now->{served_by_0}, $served, 'the old primary serves nobody';
join_again($rig);
$rig->recovered('when both are at the new one');

my $result = finish($rig);

DMP::Faults::held($result, 'split brain, replicas 1');
is $result->{lost}, 0, 'none was lost';


# it stops taking writes when its replica has been gone for a second or two;
# what it took till then is lost, and that is seen
$rig = rig();
$rig->call('CONFIG', 'SET', 'min-replicas-max-lag', 2);
$rig->call('CONFIG', 'SET', 'min-replicas-to-write', 1);
split_brain($rig);
wait_for { !eval { $rig->call('DEL', 'dmp:no-such-key'); 1 } && $@ =~ /NOREPLICAS/ }
    'the old primary to refuse', $long;
# what was let through before may still be on its way
$rig->lasts(1);
$served = $rig->now->{served_by_0};
$rig->lasts(2);
is $rig->now->{served_by_0}, $served, 'the old primary serves nobody any more';
join_again($rig);
wait_for { @{ $rig->call('SMEMBERS', 'dmp:closed') } } 'a closed bucket', 60;
$rig->load(100);

my $forwarded = $rig->now->{forwarded};

$rig->load(200);
is $rig->now->{forwarded}, $forwarded, 'nothing is let through';

# what each of them did while they were two is not what the other has
$result = finish($rig, exit => 1, since => DMP::Faults::monotonic());
DMP::Faults::held($result, 'split brain, min-replicas', I2 => 1, ends => 1,
    F22 => 1);
cmp_ok $result->{lost}, '>', 0, 'something was lost';
is $result->{exit}, 1, 'the loss is named';


# neither, and nobody looks whether what was acknowledged is there: both serve,
# each by its own truth
$rig = rig(safety => 'fork', unsafe => 'fork');
split_brain($rig);
$rig->grows('service by both', 60, served_by_0 => 50, served_by_1 => 50,
    boundaries => 2);
join_again($rig);
$rig->load(200);
DMP::Faults::missed(finish($rig, no_verify => 1), 'split brain', qw(I1 I2));

DMP::Faults::done();
