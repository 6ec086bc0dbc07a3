# F4: the store stands still for a while: what it does late lets nothing
# through.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

sub play
{
    my ($rig, @seconds) = @_;

    $rig->start;

    for my $seconds (@seconds) {
        $rig->load(200);

        # while something is let through, so that there is what to abandon
        DMP::Proc::wait_for { !$rig->now->{forbidden} } 'rights that are given';
        $rig->grows('reads that are served', 60, served => 1);
        $rig->signal_store('STOP');
        $rig->lasts($seconds);
        $rig->signal_store('CONT');
        $rig->recovered("after $seconds s");
    }

    return $rig->finish;
}


my $result = play(DMP::Faults->new(name => 'F4'),
    (0.1, 0.1, 1, 1, 1, 1, 10) x DMP::Faults::times_of(1, 5));

DMP::Faults::held($result, 'store stopped');
cmp_ok $result->{abandoned}, '>', 0, 'what it did late is abandoned';

# and without D, and longer than a gateway waits for any answer, it is forwarded
$result = play(DMP::Faults->new(name => 'F4', safety => 'deadline',
    unsafe => 'deadline', store_options => 'timeout=20s'), 3, 3);

DMP::Faults::missed($result, 'store stopped', qw(D I1 I2));

DMP::Faults::done();
