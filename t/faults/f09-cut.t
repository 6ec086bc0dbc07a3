# F9: the connection ends after each byte of a reply to a commit: what was not
# answered wholly lets nothing through.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

use constant REPLY => 70;                # bytes of the shortest one

sub rig
{
    my (%o) = @_;

    my $proxy;

    my $rig = DMP::Faults->new(name => 'F9', slow => 0, large => 0, %o,
        store_at => sub {
            $proxy //= DMP::FaultsProxy->new(to => $_[0]->store_address);
            return $proxy->address;
        })->start;

    return ($rig, $proxy);
}


sub cut
{
    my ($rig, $proxy, @after) = @_;

    for my $bytes (@after) {
        my $cuts = $proxy->status->{cuts};

        $proxy->tell('cut', $bytes);
        DMP::Proc::wait_for { $proxy->status->{cuts} > $cuts }
            "a reply that is cut after $bytes bytes", 60;
    }

    $rig->recovered if !$rig->{unsafe};

    return $proxy->status->{cuts};
}


my ($rig, $proxy) = rig();
my $sweeps = DMP::Faults::times_of(1, 10);

is cut($rig, $proxy, (0 .. REPLY - 1) x $sweeps), REPLY * $sweeps,
    'each byte of it';
DMP::Faults::held($rig->finish, 'reply cut');
$proxy->stop;

($rig, $proxy) = rig(safety => 'trace-first', unsafe => 'trace-first');
cut($rig, $proxy, map { 3 * $_ } 0 .. int(REPLY / 3));
DMP::Faults::missed($rig->finish, 'reply cut', qw(I1 I4));
$proxy->stop;

DMP::Faults::done();
