# F8: the network between a gateway and its store is cut: requests, replies, or
# both are lost.  What the store did meanwhile lets nothing through; the other
# gateway goes on.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Net;
use Test::More;

my $second = 1;


# "requests", "replies" or "both", in turns; the first gateway is cut off.
sub play
{
    my ($rig, $cut, $heal, @ways) = @_;

    for my $way (@ways) {
        $rig->load(100);

        # while something is let through, so that there is what to lose
        DMP::Proc::wait_for { !$rig->now->{forbidden} } 'rights that are given', 60;
        $rig->grows('reads', 60, served_by_0 => 5);
        $cut->($way);

        # the other one is not concerned
        $rig->grows('reads of the other gateway', 60, served_by_1 => 20,
            boundaries => 1);

        # what was on its way is there
        $rig->lasts(0.5);

        my $served = $rig->now->{served_by_0};

        $rig->lasts($second);
        is $rig->now->{served_by_0}, $served, "$way lost: nothing is served";
        $heal->($way);
        $rig->recovered("after $way were lost");
    }
}


my @ways = (qw(both requests replies)) x DMP::Faults::times_of(1, 5);


# ---------------------------------------------------------------- by a proxy

sub by_proxy
{
    my ($ways, %o) = @_;

    my $proxy;
    my $rig = DMP::Faults->new(name => 'F8', %o, store_at => sub {
        my ($rig, $n) = @_;

        return $rig->store_address if $n != 0;

        $proxy //= DMP::FaultsProxy->new(to => $rig->store_address);
        return $proxy->address;
    })->start;

    play($rig, sub { $proxy->tell('partition', $_[0]) },
        sub { $proxy->tell('pass') }, @$ways);

    my $result = $rig->finish;

    $proxy->stop;

    return $result;
}

DMP::Faults::held(by_proxy(\@ways), 'partition, proxy');

DMP::Faults::missed(by_proxy([qw(both replies requests)],
    safety => 'trace-first', unsafe => 'trace-first'), 'partition, proxy',
    qw(I1 I4));


# ---------------------------------------------------- by a network of its own

SKIP: {
    my $why = DMP::Net::Namespace::why_not();

    skip "no network namespace: $why", 1 if $why;

    # the store's other side: packets get lost on the cable to it
    my $net = DMP::Net::Namespace->new;
    my $port = DMP::Proc::free_port();

    my $rig = DMP::Faults->new(name => 'F8',
        store => { bind => $net->{there}, 'protected-mode' => 'no', port => $port },
        run => { store => sub { ($net->command, @_) } },
        store_at => sub { $_[1] == 0 ? "$net->{there}:$port" : $_[0]->store_address },
    )->start;

    # seen from the store: what comes in, what goes out
    my %lose = (requests => ['in'], replies => ['out'], both => ['in', 'out']);

    play($rig, sub { $net->lose($_) for @{ $lose{ $_[0] } } },
        sub { $net->heal($_) for @{ $lose{ $_[0] } } }, @ways);

    # it is looked at here, where that address is nobody's
    $rig->{store} = {};
    DMP::Faults::held($rig->finish, 'partition, network');
    $net->remove;
}

DMP::Faults::done();
