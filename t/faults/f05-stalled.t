# F5: a worker stands still around D, between the store's reply and what it
# does with it: the proxy holds the reply until then, and stops the worker.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

use constant D => 80;

sub rig
{
    my (%o) = @_;

    my $proxy;

    # only the second gateway is late, and the first takes rights away
    my $rig = DMP::Faults->new(name => 'F5', deadline => D, slow => 0,
        large => 0, tool => 0, %o, store_at => sub {
            my ($self, $n) = @_;

            return $self->store_address if $n == 0;

            $proxy //= DMP::FaultsProxy->new(to => $self->store_address);
            return $proxy->address;
        })->start;

    return ($rig, $proxy);
}


# Until so many workers stood still, or something was seen to be wrong.
sub stall
{
    my ($rig, $proxy, $times) = @_;

    $proxy->tell('freeze', D - 30, D + 5, 1, 2 * D, 15);

    DMP::Proc::wait_for {
        my $now = $rig->now;

        $proxy->status->{freezes} >= $times
            || $now->{late_forwards} + $now->{late_answers} > 0;
    } "$times stalls", $times;           # some three of them a second

    $proxy->tell('pass');
}


my ($rig, $proxy) = rig();

stall($rig, $proxy, DMP::Faults::times_of(120, 2000));
$rig->recovered;
DMP::Faults::held($rig->finish, 'worker stalled');
$proxy->stop;

($rig, $proxy) = rig(safety => 'deadline', unsafe => 'deadline');
stall($rig, $proxy, 300);
DMP::Faults::missed($rig->finish, 'worker stalled', 'I2');

DMP::Faults::done();
